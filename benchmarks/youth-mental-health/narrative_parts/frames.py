"""The sentences around a clause, and those that say a place, a category of item, or nothing of interest."""

# `{c}` is a clause about the person of the report.
STATED = (
    "{c}",
    "{c}",
    "[the mother|the father|a sister|a friend|a neighbour] [stated|reported|explained] that {c}",
    "according to [the father|the family|a roommate|a teacher], {c}",
    "[medical|school|earlier] records [show|state|indicate] that {c}",
    "it was [learned|noted|established] that {c}",
)
DENIED = (
    "[the mother|the father|a sister|a friend|the family] [denied|disputed|did not believe] that {c}",
    "there was no [record|indication|evidence] that {c}",
    "[the parents|a friend|a teacher] [had never heard|was not aware|did not report] that {c}",
    "an earlier remark that {c} was [not confirmed|withdrawn|found to be wrong]",
)
# The clause is then about one of OTHERS.
OTHERS = (
    "an aunt",
    "a cousin",
    "the brother",
    "a neighbour",
    "a former classmate",
    "the stepmother",
    "the roommate",
)

PEOPLE = ("the youth", "the individual", "V", "the young person")

LAW_OPENINGS = (
    "officers [responded|were called] to [a call|a request for a welfare check] "
    "[in the evening|at noon|overnight]",
    "[a patrol|a deputy] [arrived|attended] after a call from [a relative|a passer-by|a neighbour]",
    "this report [summarises|concerns] the death of a person aged {age} [in the county|in the city]",
)
EXAMINER_OPENINGS = (
    "the examiner [reviewed|received] the case of a person aged {age} [on a weekday|on the following day]",
    "[an investigator|a medical examiner] [documented|took over] the case",
    "history was obtained from [relatives|the hospital|the family physician]",
)
LAW_FILLERS = (
    "[relatives|the next of kin] were notified",
    "[photographs were taken|statements were recorded]",
    "the [scene|address] was [released|secured] [later that day|at the end of the shift]",
    "no [other persons were involved|signs of foul play were noted]",
    "the [telephone|computer] was [returned|handed over] to [the family|the detectives]",
)
EXAMINER_FILLERS = (
    "[an examination was carried out|samples were sent to the laboratory]",
    "toxicology was [pending|unremarkable]",
    "the file was [closed|completed] [after two weeks|the next month]",
    "[height and weight were recorded|identification was made by a relative]",
    "the physician's notes were [requested|reviewed]",
)

# By InjuryLocationType - 1; the sixth holds all other places.
PLACES = (
    ("[a bedroom of the house|the family house|an apartment|the garage of a residence|a mobile home]",),
    ("[a parked car|a pickup truck|a family van|a vehicle]",),
    ("[a wooded area|a riverbank|an open field|a lakeside trail]",),
    ("[a public park|a playground|a sports ground|a picnic area]",),
    ("[a road|an alley|a sidewalk|a highway shoulder]",),
    ("[a hotel room|a hospital|a shop|a detention centre|a school building]",),
)
AT_PLACE = (
    "the [event occurred|incident took place] in or at {p}",
    "the place of [injury|the event] was {p}",
    "[the youth|V] was [found|located] in or at {p}",
)
NOT_AT_PLACE = (
    "[the youth|V] had [been seen|spent the day] earlier in or at {p}",
    "[a witness|the caller] [came from|was waiting in or at] {p}",
)

# An opaque category of the item involved, by its number.
IS_CATEGORY = (
    "the item [was entered|is listed|was coded] as {w}",
    "[the form|the evidence sheet] gives {w} for the item involved",
)
NOT_CATEGORY = (
    "a further item, {w}, was [not involved|unrelated]",
    "[an item|property] of {w} [belonged to a relative|was stored elsewhere and not involved]",
)
NUMBER_WORDS = (
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
