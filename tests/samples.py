"""What the small books that tests make have in common."""

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
"""
TOC = """\
format: jb-book
root: index
parts:
- chapters:
  - file: front/notation
- numbered: true
  chapters:
  - file: 01_first/index
    sections:
    - file: 01_first/11_section
"""
