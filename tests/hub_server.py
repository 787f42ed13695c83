"""A small Hugging Face Hub on loopback, for the real `huggingface_hub` client; faults as in faulty_server.py.

    with serve_hub() as hub:
        commit = hub.add("lab/model", {"model.safetensors": data})
        hub.fault("GET /lab/model/resolve/", status=503)
        hf_hub_download("lab/model", "model.safetensors", revision=commit, endpoint=hub.origin)

Large files (`LARGE`) are redirected to a second origin, `hub.cdn`, as the Hub does. What publishing and fetching
calls is here: models and datasets on the branch `main`. No pull requests, no Xet: set HF_HUB_DISABLE_XET=1 to upload.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.faulty_server import Answer, Request, Site, refuse, serve

LARGE = (".bin", ".parquet", ".pt", ".pth", ".safetensors", ".tar")
"""Endings of files that go through LFS, as in the Hub's own .gitattributes."""


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, bytes]
    """All files of the repository at this commit."""


@dataclass
class Repository:
    gated: bool = False
    """Anyone sees that it is there; only members read its files."""
    history: list[Commit] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], title: str) -> Commit:
        """Add a commit with exactly these files. Its name is a hash of what it holds and what it follows."""
        parent = self.history[-1].oid if self.history else ""
        tree = [(path, git_oid(data)) for path, data in sorted(files.items())]
        oid = hashlib.sha1(json.dumps([parent, title, tree]).encode()).hexdigest()
        self.history.append(Commit(oid, title, dict(files)))
        return self.history[-1]

    def at(self, revision: str) -> Commit | None:
        """The commit of `main`, or of a full 40-digit name."""
        if revision == "main":
            return self.history[-1]
        return next((commit for commit in self.history if commit.oid == revision), None)


class Cdn(Site):
    """Where large files lie, by hash: `/lfs/<sha256>`. It knows no tokens and must never be sent one."""

    def answer(self, request: Request) -> Answer:
        oid = request.path.removeprefix("/lfs/")
        if request.method == "PUT":
            if hashlib.sha256(request.body).hexdigest() != oid:
                return refuse(400, "these bytes have another hash")
            self.files[oid] = request.body
            return Answer(200)
        data = self.files.get(oid)
        return refuse(403, "no such object") if data is None else Answer(200, data, {"Accept-Ranges": "bytes"})


class Hub(Site):
    """Repositories of models, readable by all and writable with `token`."""

    def __init__(self, cdn: Cdn) -> None:
        super().__init__()
        self.cdn = cdn
        self.token = "hf_member"
        self.repositories: dict[str, Repository] = {}

    def add(self, name: str, files: Mapping[str, bytes], *, gated: bool = False, title: str = "Add files") -> str:
        """Put files on top of a repository, made where there is none. Returns the commit's name."""
        repository = self.repositories.setdefault(name, Repository())
        repository.gated = gated
        before = repository.history[-1].files if repository.history else {}
        self.cdn.files |= {hashlib.sha256(data).hexdigest(): data for path, data in files.items() if is_large(path)}
        return repository.commit({**before, **files}, title).oid

    def answer(self, request: Request) -> Answer:
        line = request.line.replace(" /api/datasets/", " /api/models/datasets/")  # one kind, by its name
        for pattern, route in _ROUTES:
            if match := re.fullmatch(pattern, line):
                try:
                    return route(self, request, **match.groupdict(default=""))
                except Refused as refusal:
                    return refusal.answer
        return refuse(404, f"no route {request.line}")

    # --- reading ------------------------------------------------------------------------------------------------------

    def resolve(self, request: Request, repo: str, revision: str, path: str) -> Answer:
        commit = self._commit(request, repo, revision)
        if self.repositories[repo].gated and not self._member(request):
            status = 403 if "authorization" in request.headers else 401
            raise Refused(status, f"Access to model {repo} is restricted.", "GatedRepo")
        if path not in commit.files:
            raise Refused(404, "Entry not found", "EntryNotFound")
        data = commit.files[path]
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{git_oid(data)}"'}
        if not is_large(path):
            return Answer(200, data, {**headers, "Accept-Ranges": "bytes"})
        oid = hashlib.sha256(data).hexdigest()
        linked = {"X-Linked-ETag": f'"{oid}"', "X-Linked-Size": str(len(data))}
        return Answer(302, headers={**headers, **linked, "Location": f"{self.cdn.origin}/lfs/{oid}"})

    def info(self, request: Request, repo: str, revision: str = "main") -> Answer:
        commit = self._commit(request, repo, revision)
        siblings = []
        for path, data in sorted(commit.files.items()):
            details = {"size": len(data), "blobId": git_oid(data)}
            if is_large(path):
                lfs = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
                details["lfs"] = lfs
            siblings.append({"rfilename": path, **(details if "blobs" in request.query else {})})
        gated = "auto" if self.repositories[repo].gated else False
        return _json({"id": repo, "sha": commit.oid, "private": False, "gated": gated, "siblings": siblings})

    def tree(self, request: Request, repo: str, revision: str, folder: str) -> Answer:
        start = f"{folder}/" if folder else ""
        files = self._commit(request, repo, revision).files
        below = {path.removeprefix(start): data for path, data in sorted(files.items()) if path.startswith(start)}
        if folder and not below:
            raise Refused(404, "no such folder", "EntryNotFound")
        deep = request.query.get("recursive", [""])[0].lower() == "true"
        folders = sorted({path.split("/")[0] for path in below if "/" in path})
        return _json(
            [{"type": "directory", "path": start + name, "oid": git_oid(name.encode())} for name in folders]
            + [_entry(start + path, data) for path, data in below.items() if deep or "/" not in path]
        )

    def paths_info(self, request: Request, repo: str, revision: str) -> Answer:
        files = self._commit(request, repo, revision).files
        asked = parse_qs(request.body.decode()).get("paths", [])  # a form, the only one among all this JSON
        return _json([_entry(path, files[path]) for path in asked if path in files])

    # --- writing ------------------------------------------------------------------------------------------------------

    def create(self, request: Request) -> Answer:
        self._must_be_member(request)
        asked = json.loads(request.body)
        kind = "datasets/" if asked.get("type") == "dataset" else ""
        name = f"{kind}{asked.get('organization') or 'member'}/{asked['name']}"
        url = {"url": f"{self.origin}/{name}"}
        if name in self.repositories:
            return Answer(409, json.dumps({"error": "You already created this model repo", **url}).encode())
        attributes = "".join(f"*{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in LARGE)
        self.add(name, {".gitattributes": attributes.encode()}, title="initial commit")
        return _json({**url, "name": name})

    def validate(self, request: Request) -> Answer:
        text = json.loads(request.body)["content"]
        errors = [{"message": "never closed"}] if text.startswith("---\n") and "\n---" not in text[3:] else []
        return Answer(400 if errors else 200, json.dumps({"errors": errors, "warnings": []}).encode())

    def preupload(self, request: Request, repo: str, revision: str) -> Answer:
        self._must_be_member(request)
        before = self._commit(request, repo, revision).files
        answers = []
        for path in (asked["path"] for asked in json.loads(request.body)["files"]):
            answers.append({"path": path, "uploadMode": "lfs" if is_large(path) else "regular", "shouldIgnore": False})
            if path in before:
                sha256 = hashlib.sha256(before[path]).hexdigest()
                answers[-1]["oid"] = sha256 if is_large(path) else git_oid(before[path])
        return _json({"files": answers})

    def batch(self, request: Request, repo: str) -> Answer:
        self._must_be_member(request)
        self._commit(request, repo, "main")
        objects = []
        for asked in json.loads(request.body)["objects"]:
            upload = {"actions": {"upload": {"href": f"{self.cdn.origin}/lfs/{asked['oid']}"}}}
            objects.append({**asked, **({} if asked["oid"] in self.cdn.files else upload)})
        return _json({"transfer": "basic", "objects": objects})

    def commit(self, request: Request, repo: str, revision: str) -> Answer:
        self._must_be_member(request)
        with self.lock:
            parent = self._commit(request, repo, revision)
            files, title = dict(parent.files), ""
            for step in map(json.loads, request.body.splitlines()):
                value = step["value"]
                match step["key"]:
                    case "header":
                        title = value["summary"]
                        if value.get("parentCommit", parent.oid) != parent.oid:
                            raise Refused(412, "A commit has happened since. Please refresh and try again.")
                    case "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    case "lfsFile":
                        if value["oid"] not in self.cdn.files:
                            raise Refused(400, f"{value['path']} was never uploaded")
                        files[value["path"]] = self.cdn.files[value["oid"]]
                    case "deletedFile":
                        if files.pop(value["path"], None) is None:
                            raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
                    case other:
                        raise Refused(400, f"no such operation: {other}")
            made = self.repositories[repo].commit(files, title)
        return _json({"commitOid": made.oid, "commitUrl": f"{self.origin}/{repo}/commit/{made.oid}"})

    def _member(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.token}"

    def _must_be_member(self, request: Request) -> None:
        if not self._member(request):
            raise Refused(401, "Invalid username or password.")

    def _commit(self, request: Request, repo: str, revision: str) -> Commit:
        if repo not in self.repositories:
            # without access it is not said whether it is private or missing
            raise Refused(404 if self._member(request) else 401, "Repository not found", "RepoNotFound")
        commit = self.repositories[repo].at(revision)
        if commit is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit


class Refused(Exception):
    """The Hub's way to say no; `code` is what the client tells its errors apart by."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.answer = refuse(status, message, {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})})


@contextlib.contextmanager
def serve_hub() -> Iterator[Hub]:
    """A Hub and its CDN, until the block ends."""
    with serve(Cdn()) as cdn, serve(Hub(cdn)) as hub:
        yield hub


def is_large(path: str) -> bool:
    return path.endswith(LARGE)


def git_oid(data: bytes) -> str:
    """The name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(data), "oid": git_oid(data)}
    if is_large(path):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return entry


def _json(data: object) -> Answer:
    return Answer(200, json.dumps(data).encode(), {"Content-Type": "application/json"})


_REPO = r"(?P<repo>(?:datasets/)?[\w.-]+/[\w.-]+)"
_REVISION = r"(?P<revision>[\w.-]+)"
_ROUTES: list[tuple[str, Callable[..., Answer]]] = [
    (rf"GET /{_REPO}/resolve/{_REVISION}/(?P<path>.+)", Hub.resolve),
    (rf"GET /api/models/{_REPO}", Hub.info),
    (rf"GET /api/models/{_REPO}/revision/{_REVISION}", Hub.info),
    (rf"GET /api/models/{_REPO}/tree/{_REVISION}(?:/(?P<folder>.+))?", Hub.tree),
    (rf"POST /api/models/{_REPO}/paths-info/{_REVISION}", Hub.paths_info),
    (r"POST /api/repos/create", Hub.create),
    (r"POST /api/validate-yaml", Hub.validate),
    (rf"POST /api/models/{_REPO}/preupload/{_REVISION}", Hub.preupload),
    (rf"POST /{_REPO}\.git/info/lfs/objects/batch", Hub.batch),
    (rf"POST /api/models/{_REPO}/commit/{_REVISION}", Hub.commit),
]
