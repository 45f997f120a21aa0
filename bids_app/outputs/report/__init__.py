"""HTML reports, made from out_dir alone: sections, sentences, templates."""
