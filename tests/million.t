#!/bin/bash
# Drivers as the field's books show them, a million operations each on two processors: nothing is lost, nothing comes twice,
# and nothing stays behind. In virtual time, and again with both processors at once.
. "${0%/*}/drivers.sh"

each_driver tests/drivers/million 300
finish
