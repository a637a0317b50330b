"""Which public packages does the token table learn from, and how are they had?

    python scripts/material.py --sources DIR

Fetches the packages by the clients of their registries (`pip`, `npm`, `apt-get` with source lines)
and unpacks their sources to DIR/REGISTRY/PACKAGE. A package that is there already is left alone.
None is a repository that Hikma is measured on; `corpus.SKIPPED` leaves out what they vendor.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

PYPI = """
astropy==8.0.2 babel==2.18.0 bokeh==3.9.2 boltons==26.2.0 boto3==1.44.8 cryptography==50.0.2
dask==2026.8.0 distributed==2026.8.0 django==5.2.19 docutils==0.23 fsspec==2026.9.0
ipython==9.18.1 kombu==5.7.0 luigi==3.8.1 networkx==3.6.1 nltk==3.10.4 numpy==2.4.6
scikit-learn==1.9.1 scrapy==2.19.0 sphinx==9.0.4 sqlalchemy==2.1.9 sympy==1.14.0
tornado==6.6.1 trio==0.35.0 twisted==26.10.0 werkzeug==3.1.9 xarray==2026.9.0 ziglang==0.17.1
"""
NPM = """
@apollo/client@4.3.8 @capacitor/ios@8.5.2 date-fns@4.4.0 eslint@10.15.0 expo-av@16.0.8
expo-camera@57.0.6 expo-file-system@58.0.2 expo-image@58.0.18 expo-location@57.0.20
expo-modules-core@58.0.7 expo-notifications@58.0.2 expo-updates@57.0.24 ioredis@6.0.0
jsdom@29.1.1 knex@3.3.0 konva@10.9.1 leaflet@1.9.4 lodash@4.18.1 lottie-ios@4.6.1
lottie-react-native@7.5.0 luxon@3.7.2 mathjs@15.2.0 mongodb@7.9.0 mongoose@9.12.1 ol@10.11.0
phaser@4.2.1 ramda@0.32.0 react-native@0.86.3 @react-native-firebase/app@26.4.0
react-native-vision-camera@5.2.3 rxjs@7.8.2 sequelize@6.37.8 @shopify/react-native-skia@2.14.0
@stripe/stripe-react-native@0.78.0 three@0.187.0 tone@15.5.44 typeorm@1.1.1 @types/node@26.6.6
typescript@7.0.2 undici@7.30.2 webpack@5.112.2
"""
DEBIAN = """
awesome=4.3-7 bash-completion=1:2.11-6 composer=2.5.5-1+deb12u5 golang-1.19-src=1.19.8-2
golang-etcd-server-dev=3.4.23-4 golang-github-docker-docker-dev=20.10.24+dfsg1-1+deb12u1
golang-golang-x-net-dev=1:0.7.0+dfsg-1 golang-golang-x-tools-dev=1:0.5.0+ds-1
golang-google-grpc-dev=1.33.3-2 jekyll=4.3.1+dfsg-3+deb12u1 libboost1.74-dev=1.74.0+ds1-21
libeigen3-dev=3.4.0-4 libglib2.0-dev=2.74.6-2+deb12u9 libgtk-3-dev=3.24.38-2~deb12u3
libopencv-core-dev=4.6.0+dfsg-12 libopencv-imgproc-dev=4.6.0+dfsg-12
libruby3.1=3.1.2-7+deb12u1 librust-chrono-dev=0.4.23-2 librust-clap-3-dev=3.2.23-4+b1
librust-crossbeam-dev=0.8.1-1 librust-futures-util-dev=0.3.21-1 librust-hyper-dev=0.14.19-1
librust-image-dev=0.24.3-1 librust-rayon-dev=1.6.1-1 librust-regex-dev=1.7.1-1
librust-reqwest-dev=0.11.13-1 librust-rustls-dev=0.20.8-4 librust-syn-dev=1.0.107-1
librust-tracing-dev=0.1.37-1 lua-penlight=1.13.1-3 lua-socket=3.1.0-1+b1 luakit=1:2.3.3-1
mediawiki=1:1.39.17-1+deb12u2 neovim-runtime=0.7.2-7 openjdk-17-source=17.0.19+10-1~deb12u2
php-doctrine-dbal=3.6.1+dfsg-1 php-doctrine-orm=2.14.1+dfsg-1 php-league-flysystem=1.1.10-1
php-twig=3.5.1-1+deb12u3 phpmyadmin=4:5.2.1+dfsg-1+deb12u1 phpunit=9.6.7-1+deb12u1
prosody=0.12.3-1+deb12u1 puppet-agent=7.23.0-1 rubocop=1.39.0+dfsg-1 ruby-faker=2.21.0-1
ruby-mechanize=2.8.5-1 ruby-nokogiri=1.13.10+dfsg-2+b1 ruby-rack=2.2.22-0+deb12u1
ruby-rspec-core=3.12.0c0e1m1s0-1 ruby-sass=3.7.4-5 ruby-sequel=5.63.0-1
rust-src=1.63.0+dfsg1-2 vagrant=2.3.4+dfsg-1+deb12u1 wordpress=6.1.9+dfsg1-0+deb12u1
yard=0.9.28-2+deb12u2
"""
DEBIAN_SOURCES = """
elixir-lang=1.14.0.dfsg-2 glib2.0=2.74.6-2+deb12u9 gstreamer1.0=1.22.0-2+deb12u1
guava-libraries=31.1-1 haskell-aeson=2.0.3.0-1 haskell-attoparsec=0.14.4-2
haskell-conduit=1.3.4.3-1 haskell-diagrams-lib=1.4.5.1-1 haskell-hledger-lib=1.25-1
haskell-hspec-core=2.8.5-1 haskell-lens=5.0.1-2 haskell-megaparsec=9.2.2-1
haskell-persistent=2.13.3.5-2 haskell-servant-server=0.19.1-1 haskell-shake=0.19.7-1
haskell-vector=0.12.3.1-1 haskell-yesod-core=1.6.24.0-1 keepass2=2.47+dfsg-2
kotlin=1.3.31+ds1-1 kotlinx-coroutines=1.0.1-2 leveldb=1.23-4 libevent=2.1.12-stable-8
libgit2=1.5.1+ds-1+deb12u1 libxml2=2.9.14+dfsg-1.3~deb12u6 nunit=2.6.4+dfsg-1.1
rocksdb=7.8.3-2 scala=2.11.12-5 xmonad-contrib=0.17.1-1 xmonad=0.17.1-1
"""
JAVA_MODULES = ["java.base/java/*", "java.net.http/*", "java.sql/*", "java.logging/*"]
JAVA_MODULES += ["java.xml/*", "java.desktop/javax/swing/*", "jdk.compiler/com/*"]
JAVA_MODULES += ["jdk.httpserver/*", "java.naming/*", "jdk.jartool/*", "jdk.jshell/*"]


def said(*command: str, folder: Path) -> None:
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)


def from_pypi(package: str, fresh: Path, target: Path) -> None:
    said("pip", "download", "-q", "--no-deps", "--only-binary", ":all:", package, folder=fresh)
    unpack(next(fresh.glob("*.whl")), target)


def unpack(wheel: Path, target: Path) -> None:
    """Unpack a wheel's sources; `unzip` would refuse one that lacks any kind of them."""
    with ZipFile(wheel) as archive:
        wanted = [name for name in archive.namelist() if name.endswith((".py", ".zig"))]
        archive.extractall(target, wanted)


def from_npm(package: str, fresh: Path, target: Path) -> None:
    said("npm", "pack", "--silent", package, folder=fresh)
    said("tar", "-xzf", str(next(fresh.glob("*.tgz"))), folder=target)


def from_debian(package: str, fresh: Path, target: Path) -> None:
    said("apt-get", "-q", "download", package, folder=fresh)
    said("dpkg-deb", "-x", str(next(fresh.glob("*.deb"))), ".", folder=target)
    for archive in target.glob("usr/lib/jvm/*/lib/src.zip"):
        said("unzip", "-q", str(archive), *JAVA_MODULES, folder=target)


def from_debian_source(package: str, fresh: Path, target: Path) -> None:
    """Unpack what the authors published, without Debian's own changes."""
    said("apt-get", "-q", "source", "--download-only", "--tar-only", package, folder=fresh)
    for archive in fresh.glob("*.orig.tar.*"):
        if archive.suffix != ".asc":
            said("tar", "-xf", str(archive), folder=target)


REGISTRIES: Mapping[str, tuple[str, str, Callable[[str, Path, Path], None]]] = {
    "pypi": (PYPI, "==", from_pypi),
    "npm": (NPM, "@", from_npm),
    "debian": (DEBIAN, "=", from_debian),
    "debian-source": (DEBIAN_SOURCES, "=", from_debian_source),
}


def packages() -> Iterator[tuple[str, str, str]]:
    """Yield (registry, name, name with version) of each package."""
    for registry, (listed, mark, _) in REGISTRIES.items():
        for package in listed.split():
            yield registry, package.rpartition(mark)[0].replace("/", "-").strip("@"), package


def fetch(sources: Path) -> None:
    for registry, name, package in packages():
        target = sources / registry / name
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as fresh:
            unpacked = Path(fresh) / "unpacked"
            unpacked.mkdir()
            REGISTRIES[registry][2](package, Path(fresh), unpacked)
            target.parent.mkdir(parents=True, exist_ok=True)
            said("cp", "-r", str(unpacked), str(target), folder=Path(fresh))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    fetch(parser.parse_args().sources)


if __name__ == "__main__":
    main()
