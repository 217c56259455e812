#include "core/report.hpp"

namespace haven {

const char* word(HostCondition condition) {
  switch (condition) {
    case HostCondition::up:
      return "up";
    case HostCondition::joining:
      return "joining";
    case HostCondition::away:
      return "away";
    case HostCondition::out:
      return "out";
    case HostCondition::suspected:
      return "suspected";
    case HostCondition::fencing:
      return "fencing";
    case HostCondition::dead:
      return "dead";
    case HostCondition::unknown:
      return "unknown";
  }
  return "";
}

const char* word(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::well:
      return "well";
    case Health::ill:
      return "ill";
  }
  return "";
}

const char* word(ResourceCondition condition) {
  switch (condition) {
    case ResourceCondition::running:
      return "running";
    case ResourceCondition::paused:
      return "paused";
    case ResourceCondition::starting:
      return "starting";
    case ResourceCondition::stopping:
      return "stopping";
    case ResourceCondition::stopped:
      return "stopped";
    case ResourceCondition::failed:
      return "failed";
    case ResourceCondition::waiting:
      return "waiting";
    case ResourceCondition::ignored:
      return "ignored";
    case ResourceCondition::unreadable:
      return "unreadable";
  }
  return "";
}

}  // namespace haven
