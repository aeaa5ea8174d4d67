"""Images of a model that were not examined, side by side, for the scope private:read alone.

They are looked at where the real images are and do not leave: nothing packages them, and no seed of
a set draws what they show (`models.seeding.PreviewSeed`). So they are no examination of the model,
and count towards none.
"""

MAX_IMAGES_PER_CLASS = 8
MAX_COLUMNS = 4
MAX_IMAGES = 512  # in all columns


def previews_folder(job_id: str) -> str:
    """Return the artifact that holds the pictures of a job."""
    return f"previews/{job_id}"


def picture_name(place: int) -> str:
    """Return the file that shows a class, by its place among those asked for."""
    return f"{place}.png"
