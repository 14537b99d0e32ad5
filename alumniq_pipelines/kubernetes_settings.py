"""The settings of runs that are Kubernetes Jobs: what their pods are made of.

They are a part of `Settings`, which reads them.
"""

from pydantic import Field
from pydantic_settings import BaseSettings


class KubernetesSettings(BaseSettings):
    """The part of the settings that only ALUMNIQ_LAUNCHER=k8s needs."""

    k8s_image: str = Field(
        default="", description="Image of the pods that carry out runs; that of the code server."
    )
    k8s_namespace: str = Field(
        default="default", description="Namespace in which runs' pods are started."
    )
    k8s_service_account: str = Field(
        default="alumniq-run", description="Service account of runs' pods. It needs no rights."
    )
    k8s_config_map: str = Field(
        default="alumniq", description="ConfigMap with the settings, as variables of runs' pods."
    )
    k8s_secret: str = Field(
        default="alumniq", description="Secret with the secret settings, as such variables too."
    )
    k8s_cpu: str = Field(default="1", description="Processors that a run's pod asks for.")
    k8s_memory: str = Field(
        default="2Gi", description="Memory that a run's pod asks for, and may have at most."
    )
