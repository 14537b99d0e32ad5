"""Pure functions over frames: schemas made from field maps, casting, judging."""
