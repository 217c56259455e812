// The network links of a domain as it runs now.
//
// libvirt changes one interface at a time, by its whole element as it runs (virDomainUpdateDeviceFlags), and QEMU takes
// the carrier from the guest's card, so that nothing goes in or out. Of the running domain alone: it dies with the
// process, and goes along in a migration. A domain whose XML says down from the start has its links down before its
// processors run for the first time (libvirt sets them while they are stopped).
#pragma once

#include <libvirt/libvirt.h>

#include <optional>
#include <string>

namespace haven::libvirt {

struct LinksFailure {
  std::string message;
  bool answered = true;  // false: libvirt did not answer, and nobody knows
};
// As port::Hypervisor::set_links.
[[nodiscard]] std::optional<LinksFailure> set_links(virDomainPtr domain, bool up);

// As port::Domain::linked. nullopt also where libvirt does not tell.
[[nodiscard]] std::optional<bool> linked_on(virDomainPtr domain);

}  // namespace haven::libvirt
