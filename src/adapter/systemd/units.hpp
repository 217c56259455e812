// The units of this host that would start or stop protected domains of their own accord, turned off (PROTOCOL C5).
//
// Nothing is ever stopped by this: to stop libvirt-guests is to shut all guests down. It is disabled where it stands,
// and a drop-in takes both its commands away, so that the host's own shutdown finds nothing to do in it either: Haven
// stops what it protects in order, and a guest that somebody else shuts down looks like one that switched itself off.
// Everything is read back afterwards; what systemctl says of its own success is not believed.
#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "core/model/units.hpp"

namespace haven::systemd {

struct Config {
  std::string systemctl = "/usr/bin/systemctl";
  std::string booted = "/run/systemd/system";  // exists where systemd runs; nothing is to be done elsewhere
  std::string etc = "/etc/systemd/system";
  Duration timeout = 10s;  // for one call of systemctl
};

struct Rules {
  // Whether a word of a unit's command line names something protected: a domain's name or uuid, a file with its XML.
  std::function<bool(const std::string& word)> is_protected;
  // Called before a unit is changed, so that it can be undone. False: it could not be remembered, leave it as it is.
  std::function<bool(const std::string& unit)> remember;
};

struct TurnedOff {
  std::vector<std::string> units;     // that were on and are off now
  std::vector<std::string> problems;  // a sentence each: what could not be turned off, and what to do about it
};

// libvirt-guests, and every enabled service (or one that an enabled timer or path triggers) that does nothing but start
// protected domains with virsh. One that does other things too is told as a problem and left as it is. Blocks for
// some calls of systemctl, each with its timeout.
[[nodiscard]] TurnedOff turn_units_off(const Config& config, const Rules& rules);

// Takes the drop-in away, and enables libvirt-guests again if it is among these. The others start a domain by its name,
// which may run on another host by now: they stay off and are told. Starts and stops nothing. The problems, a sentence
// each.
[[nodiscard]] std::vector<std::string> turn_units_on(const Config& config, const std::vector<std::string>& units);

// havend stops as planned and does not start again with the host; then the unit that tells it of the host's shutdown,
// whose own stop would have every guest stopped while havend runs. Nothing to do without systemd or without the units.
[[nodiscard]] tl::expected<void, std::string> stop_havend(const Config& config);

// Restarts the libvirt daemons that run. Empty: done; else why not.
[[nodiscard]] std::string restart_libvirt(const Config& config);

}  // namespace haven::systemd
