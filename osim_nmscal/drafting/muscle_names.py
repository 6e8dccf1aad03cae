"""Which muscles an EMG channel drives, from its name: the abbreviations of the field against the names of a model's muscles.

A table of muscles: how channels call them and how models do. Names are compared without case, separators, sides and words such as
"EMG" or "Voltage". Sources: SENIAM's and ISEK's abbreviations; the muscle names of gait2354, gait2392, Rajagopal 2016, Arnold 2010,
MoBL-ARMS and our own models. A short name that two muscles claim is told as a doubt, not guessed away.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from osim_nmscal.data.muscle_names import SIDES, Side, bare_name, muscle_side, words_of


@dataclass(frozen=True)
class _Entry:
    """One muscle, or a group that one electrode picks up."""

    title: str
    channel: str  # regular expression of the whole compacted channel name
    model: str  # regular expression at the beginning of the compacted muscle name


# Order matters: the first entry whose channel pattern fits is taken, so groups come after their members.
_TABLE = (
    _Entry("soleus", r"sol(eus)?|so", r"sol"),
    _Entry(
        "gastrocnemius medialis",
        r"gasmed|medgas|mg|mgas(tro)?|gm|gastroc?(nemius)?med(ialis|ial)?|medgastroc?",
        r"gasmed|medgas|gastrocnemiusmed",
    ),
    _Entry(
        "gastrocnemius lateralis",
        r"gaslat|latgas|lg|lgas(tro)?|gl|gastroc?(nemius)?lat(eralis|eral)?|latgastroc?",
        r"gaslat|latgas|gastrocnemiuslat",
    ),
    _Entry("gastrocnemii", r"gas|ga|gast|gastroc?|gastrocnemius|gc", r"gas|medgas|latgas"),
    _Entry("tibialis anterior", r"ta|tib|tibant(erior)?|tibialisant(erior)?|anttib", r"tibant|tibialisant"),
    _Entry("tibialis posterior", r"tp|tibpost(erior)?|tibialispost(erior)?", r"tibpost|tibialispost"),
    _Entry(
        "peronei",
        r"per|pl|pb|perl|peroneals?|perlong|perbrev|peron(eus|aeus)(longus|brevis)?|fibularis(longus|brevis)?",
        r"per(long|brev)|peroneus(long|brev)",
    ),
    _Entry("vastus lateralis", r"vl|vaslat|vastlat|vastuslat(eralis|eral)?|latvast", r"vaslat|vastuslat"),
    _Entry("vastus medialis", r"vm|vmo|vasmed|vastmed|vastusmed(ialis|ial)?|medvast", r"vasmed|vastusmed"),
    _Entry("vastus intermedius", r"vi|vasint|vastusint(ermedius)?", r"vasint|vastusint"),
    _Entry("vasti", r"vast(i|us)?|vas|quad(s|riceps)?", r"vas"),
    _Entry("rectus femoris", r"rf|rec(t)?fem|rect(us)?fem(oris)?|rectus", r"rec(t)?fem|rectusfem"),
    _Entry(
        "biceps femoris",
        r"bf|bflh|bicfem|bfem|bicepsfem(oris)?(long(head)?)?|lath(am(s|strings?)?)?|lh|hamlat|bifem(lh)?",
        r"bf(lh|sh)|bifem|bicepsfem",
    ),
    _Entry("semitendinosus", r"st|semiten(d|dinosus)?|semit", r"semiten"),
    _Entry("semimembranosus", r"sm|semimem(b|branosus)?|semim", r"semimem"),
    _Entry("medial hamstrings", r"mh|medham(s|strings?)?|hammed|semi|mham(s)?", r"semimem|semiten"),
    _Entry("hamstrings", r"ham(s|str|strings?)?|hs", r"semimem|semiten|bf(lh|sh)|bifem|bicepsfem"),
    _Entry("gluteus maximus", r"gmax|glmax|glutmax|glutmaximus|gluteusmax(imus)?|gmx", r"glmax|glutmax|gluteusmax|gmax"),
    _Entry("gluteus medius", r"gmed|glmed|glutmed|glutmedius|gluteusmed(ius)?|gmd", r"gl(ut|uteus)?m(ed|in)|gm(ed|in)"),
    _Entry("tensor fasciae latae", r"tfl|tensor(fasciae?latae?)?", r"tfl|tensor"),
    _Entry("sartorius", r"sar(t|torius)?", r"sar"),
    _Entry("gracilis", r"gra(c|cilis)?", r"grac"),
    _Entry("adductors", r"add(uctors?|uctor)?|al|adl|addlong(us)?|adductorlong(us)?|am|addmag(nus)?", r"add"),
    _Entry("erector spinae", r"es|erspinae|erectorspinae|lumbar(es)?", r"ercspn|erectorspin"),
    _Entry("deltoid, anterior", r"(ad|da|deltant|antdelt|deltoidant(erior)?|anteriordeltoid|deltoida)", r"delt(1|ant|oidant)"),
    _Entry(
        "deltoid, middle",
        r"(md|dm|deltmid|deltmed|middelt|meddelt|deltoidmed(ius|ial)?|deltoidmid(dle)?|middledeltoid|deltoidm)",
        r"delt(2|mid|med|oidmid|oidmed)",
    ),
    _Entry("deltoid, posterior", r"(pd|dp|deltpost|postdelt|deltoidpost(erior)?|posteriordeltoid|deltoidp)", r"delt(3|post|oidpost)"),
    _Entry("biceps brachii", r"bb|bic|biceps|bicepsbrachii|bicbra", r"bic(long|short|epslong|epsshort|epsbrach)"),
    _Entry("triceps brachii, long", r"trilong|tricepslong|tblong|triclong|tlh", r"tri(long|cepslong)"),
    _Entry("triceps brachii, lateral", r"trilat|tricepslat(eral)?|tblat|triclat", r"tri(lat|cepslat)"),
    _Entry("triceps brachii", r"tb|tri|tric|triceps|tricepsbrachii", r"tri(long|lat|med|ceps)"),
    _Entry("brachioradialis", r"brd|brachiorad(ialis)?|bradialis|brr", r"brd|brachiorad"),
    _Entry("brachialis", r"bra|brach(ialis)?", r"bra(?!chiorad)(ch)?"),
    _Entry("pectoralis major", r"pec|pecs|pm|pecmaj(or)?|pectoralis(major)?|pect", r"pec(m|toralis)"),
    _Entry("latissimus dorsi", r"lat|ld|lats|latdors?i?|latissimus(dorsi)?", r"lat(?!gas)(issimus|\d)?"),
    _Entry("infraspinatus", r"inf|infra|infsp|is|infraspinatus", r"inf(sp|raspin)"),
    _Entry("supraspinatus", r"sup|supra|supsp|ss|supraspinatus", r"sup(sp|raspin)"),
)
# Titles of the muscles of the shoulder and arm.
ARM = frozenset(
    entry.title for entry in _TABLE if re.match(r"deltoid|.*brachii|brachio|brachialis|pectoralis|latissimus|.*spinatus", entry.title)
)
# Names that say nothing of the muscle.
_WORDS = {
    "voltage",
    "emg",
    "raw",
    "sensor",
    "channel",
    "ch",
    "analog",
    "avanti",
    "trigno",
    "delsys",
    "noraxon",
    "uv",
    "mv",
    "v",
    "m",
    "filt",
}
# Short names that laboratories use for different muscles.
DOUBTFUL = {
    "gm": "gastrocnemius medialis (SENIAM) or gluteus maximus or medius",
    "gl": "gastrocnemius lateralis or a gluteus",
    "pl": "peroneus longus or another muscle",
    "per": "both peronei here",
    "am": "adductor magnus or another muscle",
    "st": "semitendinosus; semimembranosus lies beside it",
    "semi": "both medial hamstrings here",
    "bf": "both heads here: the short head has no electrode of its own",
    "lat": "latissimus dorsi or a lateral muscle",
}


@dataclass(frozen=True, kw_only=True)
class ChannelGuess:
    """What a channel's name tells."""

    channel: str
    side: Side  # "" if the name tells none
    title: str  # of the muscle; "" if it is not known
    muscles: tuple[str, ...]  # of the model, on that side
    doubt: str = ""  # why to look at it


def match_channels(channels: Sequence[str], muscles: Sequence[str]) -> tuple[ChannelGuess, ...]:
    """Guess which of a model's muscles each channel drives.

    Args:
        channels: as the recording calls them.
        muscles: of the model.

    Returns:
        One guess per channel, in order; channels without a side take the side that most others have, or the right one.
    """
    own = {muscle.lower(): muscle for muscle in muscles}
    parsed = {channel: _parsed(channel) for channel in channels}
    sides = [side for side, _, _ in parsed.values() if side]
    usual: Side = "l" if sides.count("l") > sides.count("r") else "r"
    guesses = []
    for channel, (side, name, entry) in parsed.items():
        if channel.lower() in own:  # named as the model has it
            muscle = own[channel.lower()]
            guesses.append(ChannelGuess(channel=channel, side=muscle_side(muscle), title=channel, muscles=(muscle,)))
            continue
        found = _muscles_of(entry, muscles, side or usual) if entry is not None else ()
        doubt = DOUBTFUL.get(name, "") if found else ""
        guesses.append(ChannelGuess(channel=channel, side=side or usual, title=entry.title if entry else "", muscles=found, doubt=doubt))
    return tuple(_without_repeats(guesses))


def _parsed(channel: str) -> tuple[Side, str, _Entry | None]:
    """Return side, compacted name and entry of a channel."""
    words = [word for word in words_of(channel) if word not in _WORDS and not word.isdigit()]
    side: Side = next((SIDES[word] for word in words if word in SIDES), "")
    whole, bare = "".join(words), "".join(word for word in words if word not in SIDES)
    tries: list[tuple[Side, str]] = [(side, bare)] if side else [("", whole)]
    if len(whole) > 2 and whole[0] in "rl":  # RTA, LSOL
        tries.append(("r" if whole[0] == "r" else "l", whole[1:]))
    if len(whole) > 2 and whole[-1] in "rl":  # TAR
        tries.append(("r" if whole[-1] == "r" else "l", whole[:-1]))
    for told, name in tries:
        entry = next((entry for entry in _TABLE if re.fullmatch(entry.channel, name)), None)
        if entry is not None:
            return told, name, entry
    return side, bare, None


def _muscles_of(entry: _Entry, muscles: Sequence[str], side: Side) -> tuple[str, ...]:
    found = []
    for muscle in muscles:
        own = muscle_side(muscle)
        if own in ("", side) and re.match(entry.model, bare_name(muscle)):
            found.append(muscle)
    return tuple(found)


def _without_repeats(guesses: list[ChannelGuess]) -> list[ChannelGuess]:
    """Give each muscle to one channel only: to the one whose guess is narrowest; the others say whom they lost it to."""
    owner: dict[str, ChannelGuess] = {}
    for guess in sorted(guesses, key=lambda guess: len(guess.muscles)):
        for muscle in guess.muscles:
            owner.setdefault(muscle, guess)
    kept = []
    for guess in guesses:
        mine = tuple(muscle for muscle in guess.muscles if owner[muscle] is guess)
        lost = {owner[muscle].channel for muscle in guess.muscles if owner[muscle] is not guess}
        doubt = guess.doubt if not lost or mine else f"its muscles are those of {', '.join(sorted(lost))}"
        kept.append(ChannelGuess(channel=guess.channel, side=guess.side, title=guess.title, muscles=mine, doubt=doubt))
    return kept
