# How cargo builds for the microcontroller: sourced by tests/run and firmware-example/build.

# 32 bits, no std.
TARGET=thumbv7m-none-eabi

# Sets the array `cargo` to what builds for the target: with rustup's library for it, or with Debian's compiler and
# the library's source, and then into the folder given, since those are another compiler's artefacts.
find_target_cargo() {
  case $(target_route) in
    rustup) cargo=(cargo) ;;
    debian)
      cargo=(env RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_UNSTABLE_BUILD_STD=core CARGO_TARGET_DIR="$1" cargo)
      # Debian's compiler brings no linker for it; any of these will do.
      local linker
      for linker in "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-lld ld.lld arm-none-eabi-ld; do
        if command -v "$linker" >/dev/null; then
          export CARGO_TARGET_THUMBV7M_NONE_EABI_LINKER=$linker
          break
        fi
      done
      ;;
    none) return 1 ;;
  esac
}

# Prints where the target's library is from, after getting it from there.
target_route() {
  # Not by `grep -q`, which hangs up on rustup once it has seen enough.
  if rustup target list --installed 2>/dev/null | grep -x "$TARGET" >/dev/null; then
    echo rustup
  elif command -v rustup >/dev/null && timeout 120 rustup target add "$TARGET" >&2; then
    echo rustup
  elif has_debian_source; then
    echo debian
  elif install_debian_source >&2 && has_debian_source; then
    echo debian
  else
    echo none
  fi
}

has_debian_source() {
  [ -x /usr/bin/rustc ] && [ -e "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ]
}

install_debian_source() {
  command -v apt-get >/dev/null || return 1
  echo "rustup can't get $TARGET; installing Debian's compiler and the source of its library"
  as_root apt-get update -q || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy rustc-web rust-web-src ||
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy rustc rust-src
}

# As root, if this user may be; without asking for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"
  else return 1
  fi
}
