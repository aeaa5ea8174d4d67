"""Hyper-parameters of the example family."""

from pydantic import Field

from models.config import FamilyConfig, FamilySampler


class Config(FamilyConfig):
    """A linear variational autoencoder."""

    num_latents: int = Field(8, ge=1, le=64, description="Length of the latent vector.")
    learning_rate: float = Field(1e-2, gt=0, le=0.1, description="AdamW's highest step size.")
    batch_size: int = Field(16, ge=1, le=1024, description="Images in a batch.")


class Sampler(FamilySampler):
    """How it draws."""

    temperature: float = Field(1.0, ge=0, le=2, description="Multiplies the latents.")
