"""Result pages: all of one entry on one task as a page of its own, and as a script that the model's page loads."""

from __future__ import annotations

from leaderboard.ranking.drawn import columns
from leaderboard.site.crystal_files import section_file
from leaderboard.site.entry_section import Section
from leaderboard.site.templating import Renderer, json_block


def result_files(render: Renderer, section: Section) -> dict[str, str]:
    """Path → text of the page, of the script, and of the script of its crystals (`leaderboard.site.crystal_files`).

    The first script is there because a page that was opened from a file may load scripts and nothing else. It calls
    `mlipZooResult` (`static/charts.js`) with what `folded_section` leaves out: HTML, and the data of its pictures.
    """
    unfolded = render.macro("_section.html.j2", "unfolded", section, "../")
    charts = json_block(
        {
            "specs": section.specs,
            "datasets": {key: dict(columns(datasets)) for key, datasets in section.datasets.items()},
        }
    )
    return {
        f"{section.path}.html": render("result.html.j2", root="../", section=section, unfolded=unfolded, charts=charts),
        f"{section.path}.js": f"mlipZooResult({json_block(str(unfolded))},{charts});\n",
        **section_file(section),
    }
