// How this host's libvirt sends a guest to another one.
//
// Peer to peer, not managed by the client: libvirt's two daemons drive it between themselves, so that a havend that
// dies in the middle changes nothing, and the source's daemon alone tells both sides how it ended. Managed by the
// client, the migration would end with havend, and havend would need a way into every other host's libvirt. The guest
// is left paused at the destination (VIR_MIGRATE_PAUSED): there Haven resumes it, and nobody else (PROTOCOL M1, M2).
#pragma once

#include <libvirt/libvirt.h>

#include <optional>
#include <string>

#include "core/model/units.hpp"
#include "port/hypervisor.hpp"

namespace haven::libvirt {

struct MigrationConfig {
  bool tls = true;                // between the daemons, and for what QEMU sends
  MiB bandwidth_per_second;       // 0: as much as there is
  Duration max_downtime = 300ms;  // for what is sent while the guest stands still
  bool trust_storage = false;     // libvirt's own doubt that a disk is shared is put aside
};

// Returns libvirt's own result; as long as it takes. `to`: ADDRESS or ADDRESS:PORT of the other libvirt.
[[nodiscard]] int migrate_domain(virDomainPtr domain, const MigrationConfig& config, const std::string& to);

// How far a domain's sending is, by libvirt's word. nullopt: none is under way, or nothing of it is known yet.
[[nodiscard]] std::optional<port::Sending> sending_of(virDomainPtr domain);

}  // namespace haven::libvirt
