from outlining import extraction_of


def sections_of(text):
    return [
        (section.title, section.span.start_line, section.span.end_line)
        for section in extraction_of("README.md", text).sections
    ]


def test_sections_run_to_the_next_heading_and_name_their_path():
    text = """
    # Tool

    About.

    ## Install ##
    ### From source
    Text.
    ## Use
    # Other
    """
    assert sections_of(text) == [
        ("Tool", 1, 4),
        ("Tool > Install", 5, 5),
        ("Tool > Install > From source", 6, 7),
        ("Tool > Use", 8, 8),
        ("Other", 9, 9),
    ]


def test_underlined_headings():
    text = """
    Title
    =====
    Text
    over lines
    ----------

    Alone.

    ---

    - item
    ---
    """
    assert sections_of(text) == [("Title", 1, 2), ("Title > Text over lines", 3, 12)]


def test_code_fences_front_matter_and_indented_code_hold_no_headings():
    text = (
        "---\n# not a heading\ntitle: x\n---\n# Real\n"
        "```sh\n# comment\n~~~\n# comment\n```\n"
        "~~~~\n# c\n~~~\n# c\n~~~~\n    # indented code\n#hashtag\n## Next\n"
    )
    assert sections_of(text) == [("Real", 5, 17), ("Real > Next", 18, 18)]


def test_an_open_fence_runs_to_the_end():
    assert sections_of("# A\n```\n# b\n") == [("A", 1, 3)]


def test_titles_are_freed_of_markup():
    text = "# **Bold** `code` [link](http://x) {#id}\n## ![badge](u) A_b_c\n"
    assert sections_of(text) == [("Bold code link", 1, 1), ("Bold code link > badge A_b_c", 2, 2)]


def test_a_text_without_headings_has_no_sections():
    assert sections_of("just\ntext\n") == []
    assert sections_of("") == []


def test_text_before_the_first_heading_belongs_to_no_section():
    assert sections_of("intro\n\n# A\n") == [("A", 3, 3)]
