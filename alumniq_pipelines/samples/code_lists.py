"""The two small feeds, row by row: lookups and designations."""

import random
from collections.abc import Iterator, Mapping

from alumniq_pipelines.samples import words

Row = Mapping[str, str]


def lookups() -> Iterator[Row]:
    """Yield the codes that the other feeds refer to."""
    for name, codes in words.CODE_LISTS.items():
        for position, (code, description) in enumerate(codes, start=1):
            yield {
                "list": name,
                "code": code,
                "description": description,
                "sortOrder": str(10 * position),
                "isActive": "true",
            }


def designations(seed: int, count: int = 400) -> Iterator[Row]:
    """Yield made-up funds that gifts may be designated to, each in a campaign and a unit."""
    chance = random.Random(seed)  # noqa: S311 - nothing is secret here
    for number in range(1, count + 1):
        unit, unit_name = chance.choice(words.CODE_LISTS["unit"])
        campaign, campaign_name = chance.choice(words.CAMPAIGNS)
        purpose = chance.choice(words.PURPOSES)
        begins = chance.randrange(2015, 2027)
        is_open = chance.random() < 0.9  # noqa: PLR2004 - a tenth of the funds is closed
        yield {
            "code": f"{number * 7:06d}",
            "name": f"{unit_name} {purpose}, no. {number}",
            "description": f'Part of "{campaign_name}".\nGifts of any size are welcome.',
            "campaign": campaign,
            "unit": unit,
            "isActive": "Y" if is_open else "N",
            "isSearchable": chance.choice(("true", "false")),
            "minimumGift": chance.choice(("", "25", "25.00", "1000.5")),
            "sortOrder": str(number),
            "effectiveFrom": f"{begins}-07-01",
            "effectiveTo": "" if is_open else f"{begins + 5}-06-30",
        }
