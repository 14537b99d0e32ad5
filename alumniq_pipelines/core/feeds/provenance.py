"""Where the data of a feed come from, and on what terms: for people, without effect on loads."""

from pydantic import Field

from alumniq_pipelines.core.feeds.field_map_model import FieldMapModel


class Source(FieldMapModel):
    """Where the data of a feed come from (Data Resource, sources)."""

    title: str = Field(default="", description="Name of the source.")
    path: str = Field(default="", description="Its address.")
    email: str = Field(default="", description="Whom to ask.")
    version: str = Field(default="", description="Its version.")


class License(FieldMapModel):
    """Under which terms the data may be used (Data Resource, licenses)."""

    name: str = Field(default="", description="Identifier of the license.")
    path: str = Field(default="", description="Address of its text.")
    title: str = Field(default="", description="Its name.")
