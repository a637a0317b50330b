"""Which model does a space need, and is it the one that the settings ask for?"""

from hikma.catalog.spaces import INSIDE, OUTSIDE
from hikma.domain import VectorSpace
from hikma.errors import ConfigurationError, SpaceMismatchError
from hikma.models import open_model
from hikma.models.server import Known, Server
from hikma.protocols import Embedder
from hikma.settings import Settings

MOST_DIMENSIONS = 8_192
"""sqlite-vec refuses longer vectors."""


def open_for(settings: Settings, name: str, held: VectorSpace | None) -> Embedder:
    """Open a model with the server that the settings name; a held space's without asking it."""
    server = (
        Server(settings.embedding_url, settings.embedding_api_key, settings.vector_dimensions)
        if settings.embedding_url
        else None
    )
    return open_model(name, server, Known(held.dimension, held.documents) if held else None)


def check_asked(settings: Settings, space: VectorSpace) -> None:
    """Raise SpaceMismatchError when the settings ask for another space than the file's."""
    asked = {
        "model": settings.embedding_model or space.model,
        "dimension": settings.vector_dimensions or space.dimension,
        "backend": settings.vector_backend or space.backend,
        "index type": settings.vector_index_type or space.index_type,
    }
    held = {
        "model": space.model,
        "dimension": space.dimension,
        "backend": space.backend,
        "index type": space.index_type,
    }
    for name, value in asked.items():
        if value != held[name]:
            raise SpaceMismatchError(
                f"The file has {name} {held[name]!r}, not {value!r}; move it live with "
                "`hikma migrate start`, or build it anew with `hikma index --full`."
            )


def first_space(settings: Settings, embedder: Embedder, backend: str | None) -> VectorSpace:
    """Return the space of a fresh file; ConfigurationError for one that cannot be."""
    asked = settings.vector_dimensions
    if asked is not None and asked != embedder.dimension:
        raise ConfigurationError(
            f"HIKMA_VECTOR_DIMENSIONS = {asked}, but the model {embedder.name!r} has "
            f"{embedder.dimension}; leave it unset."
        )
    return space_for(
        embedder,
        backend or INSIDE,
        settings.vector_location or "",
        settings.vector_index_type or "flat",
    )


def space_for(embedder: Embedder, backend: str, location: str, index_type: str) -> VectorSpace:
    """Return a space for a model in a backend; ConfigurationError for one that cannot be."""
    if backend == INSIDE and index_type != "flat":
        raise ConfigurationError(
            f"HIKMA_VECTOR_INDEX_TYPE = {index_type!r}: sqlite-vec has no approximate index; "
            "choose 'flat' (with HIKMA_VECTOR_SCAN=resident it is fast), or "
            f"HIKMA_VECTOR_BACKEND={OUTSIDE}."
        )
    if backend == INSIDE and location:
        raise ConfigurationError(
            f"HIKMA_VECTOR_LOCATION = {location!r}: sqlite-vec lives in the file itself; leave it "
            f"unset, or choose HIKMA_VECTOR_BACKEND={OUTSIDE}."
        )
    if embedder.dimension > MOST_DIMENSIONS:
        raise ConfigurationError(
            f"The model {embedder.name!r} has {embedder.dimension:,} dimensions, and the file "
            f"holds {MOST_DIMENSIONS:,} at most; ask for fewer with HIKMA_VECTOR_DIMENSIONS."
        )
    return VectorSpace(
        id=0,
        backend=backend,
        location=location,
        model=embedder.name,
        documents=embedder.document_identity,
        queries=embedder.query_identity,
        dimension=embedder.dimension,
        metric="cosine",
        index_type=index_type,
        state="answering",
    )
