"""Images of a model that were not examined, side by side, for the scope private:read alone.

They are looked at where the real images are and do not leave: nothing packages them. So they are
no examination of the model, and count towards none.
"""

PREVIEW_SEED = 2**63  # larger than any set's, so that no image of a set is shown unexamined
MAX_IMAGES_PER_CLASS = 8
MAX_COLUMNS = 4
MAX_IMAGES = 512  # in all columns


def previews_folder(job_id: str) -> str:
    """Return the artifact that holds the pictures of a job."""
    return f"previews/{job_id}"


def picture_name(place: int) -> str:
    """Return the file that shows a class, by its place among those asked for."""
    return f"{place}.png"
