"""Records of regions: atlases and users' own masks, where their labels lie, and what results say of each region."""
