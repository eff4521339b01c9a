"""What may be said about a person, per variable. `{v}` is the person; the clause follows `that`.

The same clauses say that something holds, that it is denied, and that it holds for somebody else: only the
sentence around a clause tells these apart.
"""

CLAUSES: dict[str, tuple[str, ...]] = {
    "depressed_mood": (
        "{v} had [seemed|appeared] [sad|low|down|withdrawn] [for several weeks|in recent days|lately]",
        "{v} had been [tearful|listless|in low spirits|despondent] [lately|since the summer|on most days]",
        "{v} had [lost interest in|stopped enjoying] [hobbies|meals|football|music|games]",
        "{v} [kept to themselves|stayed in bed] and [looked unhappy|felt empty]",
    ),
    "current_treatment": (
        "{v} was [seeing|visiting] [a counsellor|a therapist|a psychologist] [every week|twice a month]",
        "{v} was [still|currently] [taking medication for mood|enrolled in an outpatient programme]",
        "{v} had [an upcoming|a standing] appointment with [a therapist|the mental health clinic]",
        "{v} had refilled [a prescription for mood medication|an antidepressant] [last week|this month]",
    ),
    "past_treatment": (
        "{v} had [attended counselling|been in therapy|seen a therapist] "
        "[two|three|several] years [ago|earlier]",
        "{v} had stopped [therapy|counselling|the mood medication] [last year|some time ago]",
        "{v} had once been [admitted to|discharged from] [a psychiatric ward|an inpatient unit]",
        "{v} had [completed|dropped out of] an outpatient programme [as a child|long before]",
    ),
    "mental_health_problem": (
        "{v} had [a history of|long-standing] "
        "[mental health problems|emotional problems|psychological difficulties]",
        "{v} had been [found|assessed] to have [a mental health condition|a psychiatric disorder]",
        "{v} [struggled|had struggled] with [their mental health|emotional difficulties]",
        "{v} had [a mental illness|a psychiatric condition] [for years|since childhood]",
    ),
    "anxiety_diagnosis": (
        "{v} had been diagnosed with [anxiety|generalised anxiety|panic disorder|social phobia]",
        "{v} had [an anxiety disorder|a panic disorder]",
        "a physician had [noted|found] [anxiety|panic disorder] in {v}",
    ),
    "depression_diagnosis": (
        "{v} had been diagnosed with [depression|major depression|dysthymia]",
        "{v} had [clinical depression|a depressive disorder]",
        "a physician had [noted|found] [depression|a depressive illness] in {v}",
    ),
    "bipolar_diagnosis": (
        "{v} had been diagnosed with [bipolar disorder|a bipolar illness|cyclothymia]",
        "{v} had [bipolar disorder|a manic episode on file]",
        "a physician had [noted|found] [bipolar disorder|mania] in {v}",
    ),
    "attention_diagnosis": (
        "{v} had been diagnosed with [ADHD|an attention deficit|attention deficit hyperactivity disorder]",
        "{v} had [ADHD|an attention deficit disorder]",
        "a physician had [noted|found] [ADHD|hyperactivity] in {v}",
    ),
    "substance_use_problem": (
        "{v} [used|had used|regularly took] [drugs|illegal substances|cannabis and other drugs]",
        "{v} had [a drug problem|a substance use disorder|an addiction]",
        "{v} had been [in rehabilitation for drugs|dependent on pills|caught with drugs]",
    ),
    "alcohol_use_problem": (
        "{v} [drank|had been drinking] [heavily|to excess] [on most weekends|almost daily]",
        "{v} had [an alcohol problem|a drinking problem]",
        "{v} was [dependent on alcohol|often intoxicated]",
    ),
    "partner_problem": (
        "{v} had [separated from|broken up with] [a girlfriend|a boyfriend|a partner] [last week|recently]",
        "{v} had [relationship problems|trouble with a partner]",
        "{v} and [a girlfriend|a boyfriend|a spouse] were [about to separate|jealous of each other]",
    ),
    "family_conflict": (
        "{v} [did not get along|was in conflict] with [the stepfather|the parents|an older brother]",
        "{v} had [strained relations|a difficult relationship] with [the family|relatives|the mother]",
        "{v} had [moved out after disputes at home|been told to leave the family home]",
    ),
    "recent_argument": (
        "{v} had [argued|quarrelled] with [a relative|a partner|a friend] [that day|the evening before]",
        "{v} had [a dispute|an argument|a heated exchange] [that morning|the night before|hours earlier]",
        "{v} had [shouted at|fallen out with] [a relative|a friend] [the same day|shortly before]",
    ),
    "school_problem": (
        "{v} had [failing grades|failed several courses|been suspended from school]",
        "{v} was [bullied by classmates|skipping classes|on academic probation]",
        "{v} had [trouble at school|problems with teachers]",
    ),
    "job_problem": (
        "{v} had [lost a job|been dismissed from work|been laid off]",
        "{v} was [facing discipline at work|unable to find employment]",
        "{v} had [trouble at work|problems with a supervisor]",
    ),
    "money_problem": (
        "{v} had [unpaid bills|large debts|overdue rent]",
        "{v} was [behind on loan payments|facing eviction|short of money]",
    ),
    "legal_problem": (
        "{v} [faced|was facing] [criminal charges|a court date|a hearing]",
        "{v} had [recently been arrested|been released on bail|been placed on probation by a court]",
    ),
    "recent_loss": (
        "{v} had lost [a grandparent|a close friend|a parent] [this year|two months ago]",
        "{v} was [grieving|mourning] [a grandparent|a close friend|a pet]",
    ),
    "physical_health_problem": (
        "{v} had [a chronic illness|persistent pain|a serious medical condition]",
        "{v} was [recovering from surgery|treated for epilepsy|treated for diabetes]",
    ),
    "concern_told_to_family": (
        "{v} had [told|confided in] [a parent|the mother|a sister|an uncle] about being in distress",
        "{v} had [sent the family a message|spoken at home] about [not coping|needing help]",
    ),
    "concern_told_to_friend": (
        "{v} had [told|confided in] [a friend|a classmate|a roommate] about being in distress",
        "{v} had [sent a friend a message|written to classmates] about [not coping|needing help]",
    ),
}
