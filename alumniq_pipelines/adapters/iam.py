"""Access keys for the S3 store, through IAM: one user per customer and environment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.outage import AccessKeysUnavailable

POLICY = "alumniq-folder"


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """The access keys of all users; methods raise AccessKeysUnavailable."""

    client: Any

    @classmethod
    def at(
        cls, endpoint_url: str | None, region: str, key_id: str | None, secret: str | None
    ) -> Self:
        """Connect to IAM; without credentials, use the usual AWS credential chain."""
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2})
        return cls(
            boto3.client(
                "iam",
                endpoint_url=endpoint_url,
                region_name=region,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                config=config,
            )
        )

    def create(self, user: str, bucket: str, environment: Environment) -> tuple[str, str]:
        """Create a key pair for a user (created if needed) who may use one folder of a bucket.

        IAM allows a user two key pairs, so inactive ones are deleted first.
        """
        with _errors_as_outage():
            with suppress(self.client.exceptions.EntityAlreadyExistsException):
                self.client.create_user(UserName=user)
            self.client.put_user_policy(
                UserName=user, PolicyName=POLICY, PolicyDocument=_policy(bucket, environment)
            )
            for access_key in self.client.list_access_keys(UserName=user)["AccessKeyMetadata"]:
                if access_key["Status"] == "Inactive":
                    self.client.delete_access_key(
                        UserName=user, AccessKeyId=access_key["AccessKeyId"]
                    )
            made = self.client.create_access_key(UserName=user)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def delete_key(self, user: str, access_key_id: str) -> None:
        """Delete a key pair whose secret was never stored."""
        with _errors_as_outage():
            self.client.delete_access_key(UserName=user, AccessKeyId=access_key_id)

    def unknown(self, user: str, known: set[str]) -> list[str]:
        """Return a user's key pairs that a crash left unrecorded after their creation."""
        with _errors_as_outage(), suppress(self.client.exceptions.NoSuchEntityException):
            listed = self.client.list_access_keys(UserName=user)["AccessKeyMetadata"]
            return [
                access_key["AccessKeyId"]
                for access_key in listed
                if access_key["AccessKeyId"] not in known
            ]
        return []

    def deactivate(self, user: str, access_key_id: str) -> None:
        """Deactivate a key pair; it can be activated again by hand."""
        with _errors_as_outage(), suppress(self.client.exceptions.NoSuchEntityException):
            self.client.update_access_key(
                UserName=user, AccessKeyId=access_key_id, Status="Inactive"
            )

    def last_used(self, access_key_id: str) -> datetime | None:
        """Return when a key pair was last used; None if never."""
        with _errors_as_outage():
            response = self.client.get_access_key_last_used(AccessKeyId=access_key_id)
        used: datetime | None = response["AccessKeyLastUsed"].get("LastUsedDate")
        return used


def _policy(bucket: str, environment: Environment) -> str:
    """Return a policy that allows reading, writing and listing the environment's folder."""
    name = f"arn:aws:s3:::{bucket}"
    folder = f"{environment}/*"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                    "Resource": f"{name}/{folder}",
                },
                {
                    "Effect": "Allow",
                    "Action": "s3:ListBucket",
                    "Resource": name,
                    "Condition": {"StringLike": {"s3:prefix": folder}},
                },
            ],
        }
    )


@contextmanager
def _errors_as_outage() -> Iterator[None]:
    """Raise AccessKeysUnavailable with IAM's error code or the driver's exception class."""
    try:
        yield
    except ClientError as error:
        raise AccessKeysUnavailable(error.response["Error"]["Code"]) from None
    except BotoCoreError as error:
        raise AccessKeysUnavailable(type(error).__name__) from None
