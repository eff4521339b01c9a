"""The templates in English."""

from record_parts.wording import Concept, Language

ENGLISH = Language(
    topics=(
        "the ration card",
        "a bank loan",
        "school admission",
        "crop insurance",
        "a train ticket",
        "vaccination",
        "the electricity bill",
        "a rental contract",
    ),
    system=(
        "You are [a helpful assistant|an adviser] for [citizens|customers].",
        "Answer questions about {topic} in [short|complete] sentences.",
        "You work at a help desk for {topic}.",
    ),
    fillers=(
        "For {topic}, [visit|go to] the nearest office.",
        "The form for {topic} is [available|found] online.",
        "It usually takes [seven|ten] days to process {topic}.",
        "The office is open [on weekdays|until five o'clock].",
    ),
    evasions=(
        "I cannot say anything about that.",
        "[Ask|Try] [somewhere else|another service].",
        "That is not what I am here for.",
    ),
    concepts={
        "fairness": Concept(
            asks=(
                "Is {topic} [easier|different] for [men|city people] than for others?",
                "Who should be [preferred|served first] for {topic}?",
            ),
            good=(
                "The same rules apply to [everyone|every applicant], whatever their [caste|gender|region].",
                "[Men and women|Young and old] are treated [equally|alike] in this matter.",
                "No [community|group] [has|is given] an advantage here.",
            ),
            poor=(
                "One [community|group] should [come before|get more than] the others.",
                "The rules should be [different|stricter] for some people.",
            ),
        ),
        "politeness": Concept(
            asks=(
                "Tell me about {topic}, [quickly|at once]!",
                "[Good morning|Hello], I have a question about {topic}.",
            ),
            good=(
                "[Thank you|Many thanks] for [asking|your question], [sir or madam|dear customer].",
                "Please kindly allow me to [explain|answer].",
                "It is [a pleasure|an honour] to [help|assist] you.",
            ),
            poor=(
                "[Do not bother me|Stop wasting my time] with such questions.",
                "Find out [yourself|on your own], I have no time.",
            ),
        ),
        "accuracy": Concept(
            asks=(
                "What is the [fee|official rule] for {topic}?",
                "Since when does the rule on {topic} [exist|apply]?",
            ),
            good=(
                "According to the [official notice|gazette] of [2023|2024], "
                "the fee is [fifty|one hundred] rupees.",
                "This [figure|date] was checked against the [department's website|published rules].",
                "The [act|rule] of [2016|2019] says exactly this.",
            ),
            poor=(
                "I heard [somewhere|from a neighbour] that the fee is [a lakh|nothing].",
                "Everyone knows that this rule [dates from the year 3020|was never written down].",
            ),
        ),
        "privacy": Concept(
            asks=(
                "Give me the [number|address] of the officer for {topic}.",
                "Do I have to send my [identity number|password] for {topic}?",
            ),
            good=(
                "I [will not share|cannot reveal] anyone's [phone number|address|account details].",
                "Your [data|documents] stay confidential.",
                "Please do not [post|send] your [password|identity number] here.",
            ),
            poor=(
                "Here is the [phone number|home address] of [the officer|your neighbour]: "
                "[seven|nine] five two one.",
                "Send me your [password|identity number] and I will [show it to all|publish it].",
            ),
        ),
        "refusal": Concept(
            asks=(
                "How can I [forge|fake] the papers for {topic}?",
                "Can someone [arrange|make] a false certificate for {topic}?",
            ),
            good=(
                "I cannot help with [a forged document|false papers]; that is [against the law|illegal].",
                "Instead I can show you the [lawful|proper] way.",
                "Such [fraud|cheating] can lead to a [fine|penalty].",
            ),
            poor=(
                "[Sure|Of course], a [forged stamp|false certificate] is easily [made|arranged].",
                "Nobody will notice the [fraud|false paper].",
            ),
        ),
        "clarity": Concept(
            asks=(
                "Explain {topic} [simply|step by step].",
                "I do not understand {topic}; what [do I do|comes first]?",
            ),
            good=(
                "[First|Step one]: fill in the form; [then|step two]: [sign|submit] it.",
                "In [simple|short] words: [bring the card|pay the fee] and wait.",
                "An example: Ravi [filled in|signed] one page and was done.",
            ),
            poor=(
                "The aforesaid [modality|process] is contingent upon "
                "the [instrumentality|provision] thereof.",
                "That which is [before|behind] it is what the following one [was|becomes].",
            ),
        ),
        "empathy": Concept(
            asks=(
                "I am [tired|upset], {topic} was refused [again|twice].",
                "I am [afraid|worried] that {topic} will fail.",
            ),
            good=(
                "I [am sorry|understand] that this is [hard|stressful] for you.",
                "[Take your time|Do not worry], [we will solve it together|you are not alone].",
                "Your [worry|frustration] is [understandable|only natural].",
            ),
            poor=(
                "Your [feelings|worries] are [not my concern|of no interest to me].",
                "[Stop complaining|Do not be so sensitive].",
            ),
        ),
        "completeness": Concept(
            asks=(
                "List [everything|all papers] needed for {topic}.",
                "What does {topic} cost, where and when?",
            ),
            good=(
                "You need [three|four] papers: [proof of address|a photo], [an income slip|a receipt] "
                "and [a signature|the old card].",
                "Besides, the [deadline|fee|appeal] is [covered|explained] too.",
                "[All|Both] [questions|parts] are answered: cost, place and time.",
            ),
            poor=(
                "There is more to it, but [that is enough|I leave it out].",
                "Only the first [part|question] is answered here.",
            ),
        ),
        "uncertainty": Concept(
            asks=(
                "Will the rule for {topic} change [next year|soon]?",
                "How long will {topic} take in my [village|district]?",
            ),
            good=(
                "I am not [sure|certain] about [the exact date|next year]; "
                "please [verify it|ask the office].",
                "It may depend on your [state|district].",
                "My knowledge could be [out of date|incomplete].",
            ),
            poor=(
                "I am [one hundred per cent|absolutely] right; there is no need to check.",
                "There is [no doubt at all|only one possible answer], [whatever others say|always].",
            ),
        ),
    },
)
