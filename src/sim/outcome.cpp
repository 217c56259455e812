#include "sim/outcome.hpp"

namespace haven::sim {

const char* word(EventKind kind) {
  switch (kind) {
    case EventKind::halt:
      return "halt";
    case EventKind::run:
      return "run";
    case EventKind::host_up:
      return "host-up";
    case EventKind::host_down:
      return "host-down";
    case EventKind::self_fence:
      return "self-fence";
    case EventKind::intent:
      return "intent";
    case EventKind::fenced:
      return "fenced";
    case EventKind::proved:
      return "proved";
    case EventKind::recover:
      return "recover";
    case EventKind::restart:
      return "restart";
    case EventKind::repair:
      return "repair";
    case EventKind::migrate:
      return "migrate";
    case EventKind::stop:
      return "stop";
    case EventKind::place_failed:
      return "place-failed";
    case EventKind::freeze:
      return "freeze";
    case EventKind::alarm:
      return "alarm";
    case EventKind::linked:
      return "linked";
    case EventKind::unlinked:
      return "unlinked";
    case EventKind::replace:
      return "replace";
  }
  return "alarm";
}

}  // namespace haven::sim
