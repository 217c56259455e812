// What runs inside the guests of this host, as their checks ask for it and commands reach it: agents, sockets and the
// hypervisor's counters, or the simulation.
//
// Asynchronous: every call returns at once and is answered by exactly one word, at its time-out at the latest. A guest
// that hangs, answers slowly or sends without end costs its own answers and nobody else's. Words come through the sink,
// from the adapter's own threads; the sink must not block.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/model/health.hpp"
#include "core/model/ids.hpp"
#include "port/hypervisor.hpp"

namespace haven::port {

struct GuestChecked {
  std::uint64_t number = 0;
  // nullopt: it was not asked, for too much was under way or the hypervisor did not let anybody ask. That says nothing
  // of the guest. A pulse comes with what was silent, and with the kinds that are about it.
  std::optional<CheckAnswer> answer;
};
using GuestCheckedSink = std::function<void(GuestChecked)>;
using GuestTreatedSink = std::function<void(CallDone)>;

class Guests {
 public:
  virtual ~Guests() = default;

  // By the check's own time-out.
  virtual void check(std::uint64_t number, const std::string& uuid, const GuestCheck& check) = 0;
  // Runs the commands in the guest, one after the other, each after the one before has succeeded. done: all did.
  // failed: one ended otherwise, or could not be begun; the message is which, how, and the end of what it said.
  // unknown: its agent does not answer, or the time was over; what was begun may go on in the guest.
  virtual void treat(CallId call, const std::string& uuid, const std::vector<GuestCommand>& commands,
                     Duration timeout) = 0;
};

}  // namespace haven::port
