# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import json
import os
import shutil

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring.log_lines import OVERLAP, PIECE
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring.log_watch import Watched

PATTERNS = ["decrypt_failed", "InvalidToken", "Decryption failed"]
BAD = "ERROR 2026-11-25 core.encryption 4711 Decryption failed: \n"
GOOD = "INFO 2026-11-25 core.encryption 4711 all is well\n"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "security.log"


@pytest.fixture
def look(log):
    """One look; how many lines it found in the log. Between looks the memory is what a file would hold."""
    kept = {}

    def at(files=None):
        watched = Watched(kept, PATTERNS)
        found = watched.look(files or [str(log)], [])
        at.problems, at.notes, at.totals = watched.problems, watched.notes, watched.totals()
        kept.update(json.loads(json.dumps(kept)))
        return sum(sum(counts.values()) for counts in found.values())

    return at


def write(path, text):
    with path.open("a") as handle:
        handle.write(text)


def test_each_line_counts_once_and_only_from_the_first_look_on(log, look):
    write(log, BAD * 5)
    assert look() == 0
    write(log, GOOD + BAD * 2 + GOOD)
    assert look() == 2
    assert look() == 0
    assert look.totals == {str(log): {"decrypt_failed": 0, "InvalidToken": 0, "Decryption failed": 2}}


def test_a_line_that_has_two_patterns_counts_under_the_first(log, look):
    write(log, GOOD)
    look()
    write(log, "decrypt_failed: InvalidToken\n")
    assert look() == 1
    assert look.totals[str(log)]["decrypt_failed"] == 1


def test_a_line_that_is_being_written_counts_when_it_is_whole(log, look):
    write(log, GOOD + "ERROR Decr")
    look()
    write(log, "yption failed")
    assert look() == 0
    write(log, "\n")
    assert look() == 1


def test_a_log_that_comes_later_is_read_from_its_beginning(log, look):
    assert look() == 0
    write(log, BAD)
    assert look() == 1


@pytest.mark.parametrize("asked", ["**/*.log", "**"])
def test_two_stars_are_all_folders_below_and_this_one(tmp_path, look, asked):
    logs = [tmp_path / place / "a.log" for place in (".", "one", "one/two")]
    logs[2].parent.mkdir(parents=True)
    for log in logs:
        write(log, GOOD)
    files = [f"{tmp_path}/{asked}"]
    assert look(files) == 0
    for log in logs:
        write(log, BAD)
    assert look(files) == 3
    for log in logs:
        write(log, BAD)
        log.rename(f"{log}.1")  # and nothing is written anew
    assert look(files) == 3
    assert (look.problems, look.notes) == ([], [])
    assert set(look.totals) == {str(log) for log in logs}


def test_a_log_that_comes_and_is_rotated_away_between_two_looks_is_read(log, look):
    look()
    write(log, BAD)
    log.rename(f"{log}.1")
    write(log, BAD * 2)
    assert look() == 3


def test_a_log_that_is_asked_for_later_is_begun_at_its_end(log, look, tmp_path):
    other = tmp_path / "other.txt"
    write(other, BAD)
    look()
    assert look([str(log), str(other)]) == 0


def test_what_was_written_before_a_rotation_is_read_under_the_new_name(log, look):
    write(log, GOOD)
    look()
    write(log, BAD)
    log.rename(f"{log}.1")
    write(log, BAD * 2)
    assert look() == 3
    assert look.notes == []
    assert look() == 0


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_last_line_without_a_newline_counts_once_its_log_was_rotated_away(log, look, seen_before):
    write(log, GOOD)
    look()
    write(log, BAD + "Decryption failed")  # the process was killed
    if seen_before:
        assert look() == 1
    log.rename(f"{log}.1")
    write(log, GOOD)
    assert look() == 2 - seen_before
    assert look() == 0
    log.with_name("security.log.1").rename(f"{log}.2")
    assert look() == 0


def test_a_last_line_without_a_newline_of_before_the_first_look_does_not_count(log, look):
    write(log.with_name("security.log.1"), BAD + "Decryption failed")
    write(log, GOOD)
    assert look() == 0
    assert look() == 0


def test_a_last_line_without_a_newline_counts_in_what_was_compressed(log, look):
    write(log, GOOD)
    look()
    write(log, "Decryption failed")
    assert look() == 0
    compress(log, "security.log.1.gz")
    write(log, "INFO another one\n")
    assert look() == 1
    assert look() == 0


def test_two_rotations_between_two_looks_lose_nothing(log, look):
    write(log, GOOD)
    look()
    write(log, BAD)
    log.rename(f"{log}.2")
    write(log, BAD * 2)
    log.rename(f"{log}.1")
    write(log, BAD * 4)
    assert look() == 7


def test_what_an_earlier_rotation_left_is_not_read_again(log, look):
    older = log.with_name("security.log.1")
    write(older, BAD)
    os.utime(older, (1, 1))
    write(log, GOOD)
    look()
    older.rename(f"{log}.2")
    log.rename(f"{log}.1")
    write(log, BAD)
    assert look() == 1


def test_a_log_that_is_copied_and_cut_is_read_on_in_the_copy(log, look):
    """logrotate's copytruncate: the log keeps its inode."""
    write(log, GOOD * 3)
    look()
    write(log, BAD)
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    write(log, BAD * 2)
    assert look() == 3
    assert look.notes == []


def test_a_log_that_was_cut_and_is_longer_than_before_is_read_from_its_beginning(log, look):
    write(log, GOOD)
    look()
    os.truncate(log, 0)
    write(log, BAD * 4)
    assert look() == 4
    assert len(look.notes) == 1, "what was written before the cut may be lost, and that is said"


def test_an_inode_that_another_file_has_by_now_is_no_continuation(log, look, tmp_path):
    write(log, GOOD * 2)
    look()
    inode = log.stat().st_ino
    log.unlink()
    write(log, BAD * 3)  # tmpfs and ext4 give the number out again
    assert look() == 3, (inode, log.stat().st_ino)


def test_a_line_longer_than_memory_should_hold_is_taken_in_parts(log, look):
    write(log, GOOD)
    look()
    write(log, "x" * (3 * PIECE) + "\n" + BAD)
    assert look() == 1


def test_a_glob_watches_every_log_and_no_compressed_one(look, tmp_path):
    for name in ("a.log", "b.log", "c.log.gz"):
        write(tmp_path / name, GOOD)
    look([f"{tmp_path}/*.log*"])
    for name in ("a.log", "b.log", "c.log.gz"):
        write(tmp_path / name, BAD)
    assert look([f"{tmp_path}/*.log*"]) == 2


def test_a_glob_that_matches_rotated_logs_too_counts_nothing_twice(log, look):
    every = [f"{log}*"]
    write(log, GOOD)
    look(every)
    write(log, BAD)
    log.rename(f"{log}.1")
    write(log, BAD)
    assert look(every) == 2
    assert look(every) == 0


def test_a_log_that_may_not_be_read_is_a_problem_and_is_read_on_later(log, as_ordinary_user, public_folder):
    path = public_folder / "security.log"
    write(path, GOOD)
    path.chmod(0)

    def looked() -> str:
        watched = Watched({}, PATTERNS)
        watched.look([str(path)], [])
        return str(watched.problems[0])

    assert as_ordinary_user(looked).startswith(f"E_MONITOR_LOG: {path} cannot be read: Permission denied")


def test_a_pattern_that_is_invalid_is_refused():
    with pytest.raises(RotationError, match="E_OPTION"):
        Watched({}, ["("])


def test_no_text_of_a_line_is_remembered(log):
    write(log, GOOD)
    kept = {}
    Watched(kept, PATTERNS).look([str(log)], [])
    write(log, "Decryption failed for CANARY\n")
    Watched(kept, PATTERNS).look([str(log)], [])
    assert "CANARY" not in json.dumps(kept)


def test_a_pattern_across_two_pieces_counts_and_one_that_a_line_has_often_counts_once(log, look):
    write(log, GOOD)
    look()
    write(log, "x" * (PIECE - 5) + "InvalidToken\n")
    assert look() == 1
    write(log, "InvalidToken" + "y" * PIECE + "InvalidToken\n" + "z" * OVERLAP + "InvalidToken\n")
    assert look() == 2


@pytest.mark.parametrize("name", ["security-20261126.log", "security.1.log", "security.2026-11-26_10.log"])
def test_a_rotated_log_that_keeps_its_extension_counts_once_and_under_the_log_that_it_was(log, look, name):
    every = [f"{log.parent}/*.log"]
    write(log, GOOD)
    look(every)
    write(log, BAD)
    log.rename(log.with_name(name))
    write(log, BAD * 2)
    assert look(every) == 3
    assert look.notes == []
    assert set(look.totals) == {str(log)}
    log.with_name(name).rename(log.with_name("security.2.log"))
    log.rename(log.with_name("security.1.log"))
    write(log, BAD)
    assert look(every) == 1
    assert look(every) == 0


def test_what_is_written_to_a_log_that_was_rotated_before_counts_too(log, look):
    write(log, GOOD)
    look()
    log.rename(f"{log}.1")
    write(log, GOOD)
    look()
    write(log.with_name("security.log.1"), BAD)  # a worker that has not opened the new one yet
    assert look() == 1


@pytest.mark.parametrize("name", ["security.log.1.gz", "security-20261126.log.gz", "security.log-20261126.gz"])
def test_a_log_that_is_compressed_at_once_is_read_on_in_what_became_of_it(log, look, name):
    write(log, GOOD + BAD * 5)
    look()
    write(log, BAD)
    compress(log, name)
    write(log, BAD * 2)
    assert look() == 3
    assert look.notes == []
    log.with_name(name).rename(log.with_name("security.log.2.gz"))
    assert look() == 0


def test_two_that_came_were_rotated_and_compressed_between_two_looks_lose_nothing(log, look):
    write(log, GOOD)
    look()
    write(log, BAD)
    compress(log, "security.log.2.gz")
    write(log, BAD * 2)
    compress(log, "security.log.1.gz")
    write(log, BAD * 4)
    assert look() == 7
    assert look() == 0


def test_compressed_logs_that_were_there_before_are_not_read(log, look):
    write(log, BAD * 100)
    compress(log, "security.log.1.gz")
    write(log, GOOD)
    assert look() == 0
    assert look() == 0


def test_a_compressed_log_that_is_damaged_is_reported(log, look):
    write(log, GOOD)
    look()
    log.unlink()
    write(log, GOOD)
    write(log.with_name("security.log.1.gz"), "no gzip")
    look()
    assert [problem.code for problem in look.problems] == ["E_MONITOR_LOG"]


def test_a_copy_that_somebody_made_of_a_log_does_not_count(log, look):
    write(log, GOOD)
    look()
    write(log, BAD)
    shutil.copy(log, f"{log}.1")
    assert look() == 1
    assert look() == 0


def test_the_log_of_a_second_worker_is_no_rotated_log_of_the_first(look, tmp_path):
    every = [f"{tmp_path}/*.log"]
    for name in ("app.log", "app-2.log"):
        write(tmp_path / name, GOOD)
    look(every)
    for name in ("app.log", "app-2.log"):
        write(tmp_path / name, BAD)
    assert look(every) == 2
    write(tmp_path / "app-3.log", BAD)  # and one that comes later
    assert look(every) == 1


def test_a_log_that_could_not_be_read_for_a_while_is_resumed_and_not_read_again(
    log, look, as_ordinary_user, public_folder
):
    path = public_folder / "security.log"
    write(path, BAD)
    kept = {}
    Watched(kept, PATTERNS).look([str(path)], [])
    write(path, BAD * 2)
    path.chmod(0)

    def refused() -> str:
        Watched(kept, PATTERNS).look([str(path)], [])
        return json.dumps(kept)

    kept = json.loads(as_ordinary_user(refused))
    path.chmod(0o644)
    assert Watched(kept, PATTERNS).look([str(path)], [])[str(path)]["Decryption failed"] == 2


def test_the_places_of_files_that_are_gone_are_forgotten(log, look, tmp_path):
    write(log, GOOD)
    kept = {}
    for number in range(5):
        Watched(kept, PATTERNS).look([str(log)], [])
        log.rename(f"{log}.{number}")
        write(log, GOOD)
    for old in tmp_path.glob("security.log.*"):
        old.unlink()
    Watched(kept, PATTERNS).look([str(log)], [])
    assert [place["path"] for place in kept["files"]] == [str(log)]


@pytest.mark.parametrize("asked", ["logs/a.log", "logs/*.log", "logs/*/a.log"])
@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_a_folder_that_may_not_be_looked_into_is_reported(asked, mode, as_ordinary_user, public_folder):
    folder = public_folder / "logs"
    folder.mkdir()
    (folder / "a.log").write_text(BAD)
    folder.chmod(mode)

    def looked() -> str:
        watched = Watched({}, PATTERNS)
        watched.look(None, [], [f"{public_folder}/{asked}"])
        return " ".join(str(problem) for problem in watched.problems)

    told = as_ordinary_user(looked)
    if mode == 0o111 and "*" not in asked:
        assert told == "", "what is named can be read where nothing can be listed"
    else:
        assert f"E_MONITOR_LOG: {public_folder}/{asked} cannot be read: Permission denied" in told


def test_a_folder_below_a_glob_that_may_not_be_listed_is_reported(as_ordinary_user, public_folder):
    for name, mode in (("a", 0o755), ("b", 0o000)):
        (public_folder / name / "logs").mkdir(parents=True)
        (public_folder / name / "logs/x.log").write_text(GOOD)
        (public_folder / name / "logs").chmod(mode)

    def looked() -> str:
        watched = Watched({}, PATTERNS)
        watched.look([f"{public_folder}/*/logs/*.log"], [])
        return str([problem.code for problem in watched.problems])

    assert as_ordinary_user(looked) == "['E_MONITOR_LOG']"


def test_a_log_that_was_rotated_away_and_is_not_started_again_is_there(log, look):
    write(log, GOOD)
    look()
    log.rename(f"{log}.1")
    look()
    assert look.problems == []
    log.with_name(f"{log.name}.1").unlink()
    look()
    assert [problem.code for problem in look.problems] == ["E_MONITOR_LOG"]


def compress(log, name):
    """As logrotate does: the name is new, the time is the log's."""
    written = log.stat().st_mtime
    log.with_name(name).write_bytes(gzip.compress(log.read_bytes()))
    os.utime(log.with_name(name), (written, written))
    log.unlink()
