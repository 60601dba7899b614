#!/usr/bin/env bash
# Makes a private PostgreSQL installation for `cargo pgrx test` below the folder given, and prints the PGRX_HOME that
# names it. Its server listens on the port given plus its major version. pgrx installs the extension under test where
# its server looks; in the machine's own installation that would overwrite a library that a running server has mapped,
# and crash it.
set -euo pipefail

root="$1"
port="$2"
pg_config="${PG_CONFIG:-/usr/bin/pg_config}"
server="$root/server"

# PostgreSQL finds its files from where its program lies: a tree of the same shape, of links but for these programs.
programs=(postgres initdb pg_ctl)
for what in bindir pkglibdir sharedir; do
    theirs="$("$pg_config" --$what)"
    mkdir -p "$server$theirs"
    cp -rsf "$theirs/." "$server$theirs/"
done
for program in "${programs[@]}"; do
    cp --remove-destination "$("$pg_config" --bindir)/$program" "$server$("$pg_config" --bindir)/$program"
done
# Links to an installed version of ours would be written through.
rm -f "$server$("$pg_config" --pkglibdir)"/equity_connect* "$server$("$pg_config" --sharedir)"/extension/equity_connect*

# Writes a file only when it changes: cargo builds PostgreSQL's bindings anew for newer files.
keep() {
    cmp -s - "$1" <<<"$2" || printf '%s\n' "$2" > "$1"
}

keep "$root/pg_config" "#!/usr/bin/env bash
case \"\$*\" in
    --bindir|--pkglibdir|--sharedir) echo \"$server\$(\"$pg_config\" \"\$1\")\" ;;
    *) exec \"$pg_config\" \"\$@\" ;;
esac"
mkdir -p "$root/home"
keep "$root/home/config.toml" "base_testing_port = $port
[configs]
pg15 = \"$root/pg_config\""
chmod +x "$root/pg_config"
chmod -R a+rX "$root"
echo "$root/home"
