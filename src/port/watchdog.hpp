// A watchdog resets its machine unless it is petted. Petting is the adapter's own affair, on a thread of its own: the
// brain says up to when it may, and whoever says nothing more lets it bite (PROTOCOL P3, S2).
//
// Asynchronous: events arrive through the sink, from the adapter's own thread; the sink must not block and must not
// call back. A watchdog that ends without disarm() stays armed.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven::port {

// The answer to arm(), by its timeout. armed=false: nothing is armed, and `message` says why.
struct WatchdogArmed {
  CallId call;
  bool armed = false;
  std::string message;
};
// A pet failed, and so will all others: until arm() succeeds again nobody can rely on it.
struct WatchdogBroke {
  std::string message;
};
using WatchdogEvent = std::variant<WatchdogArmed, WatchdogBroke>;
using WatchdogSink = std::function<void(WatchdogEvent)>;

class Watchdog {
 public:
  virtual ~Watchdog() = default;

  // Bites this long after a pet at the latest, and is petted once by being armed. Armed already: goes on with this
  // time. Permits of before are void. A watchdog in software only is refused unless `accept_soft`.
  virtual void arm(CallId call, Duration bites_after, bool accept_soft, Duration timeout) = 0;
  // It is petted again and again before `until`, and never from then on. What was said before is void.
  virtual void pet_until(Instant until) = 0;
  // It will not bite any more.
  virtual void disarm() = 0;
};

}  // namespace haven::port
