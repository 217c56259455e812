// Guests that are held to their share of the CPUs: the record says who (recovery/hog_caps.hpp), an inspection how it
// is.
#include "core/executor_case.hpp"
#include "core/recovery/hog_caps.hpp"

namespace haven::acting {

void keep_cap(const Case& c) {
  const Local& l = c.local;
  if (l.domain != DomainCondition::running || l.cap_in_flight) return;
  const std::optional<MilliCpu> wanted = cap_of(c.view, c.resource.name);
  if (l.cap == wanted) return;
  // Told so already: libvirt would not, or somebody else has changed it since.
  const bool again = l.cap_sent && l.cap_asked == wanted;
  if (!again || c.pass.due(*l.cap_sent + kCapRetry)) c.pass.act(CapDomain{c.resource.name, wanted, kCapTimeout});
}

bool takes_cap_off(const Case& c) {
  const Local& l = c.local;
  if (!l.cap) return false;
  if (l.cap_in_flight) return true;
  const bool in_vain = l.cap_sent && !l.cap_asked;
  if (!in_vain) c.pass.act(CapDomain{c.resource.name, std::nullopt, kCapTimeout});
  return !in_vain;
}

}  // namespace haven::acting
