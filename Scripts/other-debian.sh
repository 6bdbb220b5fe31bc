# Sourced by scripts that need packages of other Debian releases: they are unpacked into a folder of their own in
# the user's cache, and nothing is installed on the machine.

# debian_root RELEASE PACKAGE...: sets `root` to a folder with the packages and all that they depend on.
debian_root() {
  local release=$1 deb folder
  shift
  root="${XDG_CACHE_HOME:-$HOME/.cache}/retort/debian/$release-$(printf '%s\n' "$@" | sort | md5sum | cut -c1-8)"
  [ ! -e "$root/ready" ] || return 0
  echo "Unpacking $* of Debian $release into $root ..." >&2
  rm -rf "$root"
  local apt=$root/apt
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
  : >"$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main contrib non-free" \
    >"$apt/sources.list"
  local options=(-o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status"
    -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" -o Dir::Etc::sourcelist="$apt/sources.list"
    -o Dir::Etc::sourceparts="$apt/parts" -o Dir::Etc::preferencesparts="$apt/parts"
    -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Acquire::Languages=none)
  apt-get "${options[@]}" -qq update >&2 &&
    apt-get "${options[@]}" -qq -y -d --no-install-recommends install bash findutils coreutils sed "$@" >"$apt/log" 2>&1 ||
    { tail -5 "$apt/log" >&2; return 1; }
  for deb in "$apt"/archives/*.deb; do dpkg -x "$deb" "$root" || return 1; done
  for folder in bin lib lib64; do [ -e "$root/$folder" ] || ln -s "usr/$folder" "$root/$folder"; done
  rm -rf "$apt"
  touch "$root/ready"
}

# run_in ROOT COMMAND...: runs a program of such a folder, or one that is given by its path here, with the folder as
# its root: compilers look for their own files by absolute paths. The folders of this machine in $shared (by
# spaces) are there too.
run_in() {
  local root=$1 as_root=()
  shift
  [ "$(id -u)" -eq 0 ] || as_root=(--map-root-user)
  unshare --mount "${as_root[@]}" bash -c '
    set -e
    root=$1 shared=$2 here=$PWD
    shift 2
    for folder in /proc /sys /dev /tmp $shared; do
      mkdir -p "$root$folder"
      mount --rbind "$folder" "$root$folder"
    done
    exec chroot "$root" /bin/bash -c "cd \"$here\" 2>/dev/null || cd /; exec \"\$@\"" run "$@"
  ' run "$root" "${shared:-}" "$@"
}
