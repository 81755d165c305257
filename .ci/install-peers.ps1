# Installs the programs that the course uses on Windows, with Scoop (https://scoop.sh) where it
# is there, else with winget. UNTESTED: nobody has run this on Windows yet. The tests of
# this repository need more, which install-peers installs on Debian.
$ErrorActionPreference = 'Stop'

if (Get-Command scoop -ErrorAction SilentlyContinue) {
    # Prometheus brings promtool, Mosquitto brings mosquitto_sub.
    scoop install prometheus mosquitto
}
elseif (Get-Command winget -ErrorAction SilentlyContinue) {
    winget install --exact --id EclipseFoundation.Mosquitto
    Write-Host 'install-peers: winget has no Prometheus. Unpack prometheus.exe and promtool.exe from'
    Write-Host '  https://prometheus.io/download/ into .ci\peers\bin, where the workshop looks first.'
}
else {
    throw 'install-peers: neither scoop nor winget is there; see https://scoop.sh'
}
