// What the file's own parser cannot see: disks, fence agents, and whether everything fits what the hosts really have.
#pragma once

#include <string>
#include <vector>

#include "core/model/spec.hpp"
#include "file/error.hpp"
#include "port/fence_device.hpp"

namespace haven::daemon {

// Every finding names what it is about and what would be right; `file` is left empty.
using Findings = std::vector<file::FileError>;

// By its rules only and never.
[[nodiscard]] bool may_run_on(const Resource& resource, const HostName& host);
// Missing disks and boot files of what may run on `here`, and caches that a failover would lose (PROTOCOL C7).
// `elsewhere_too`: also of what may run on other hosts, which need not be this one's loss.
[[nodiscard]] Findings judge_domains(const Spec& spec, const HostName& here, bool elsewhere_too);
// What libvirt would do of its own accord with a guest that ends (on_crash and the like), and guests that a live move
// may damage: warnings.
[[nodiscard]] std::vector<std::string> judge_hazards(const Spec& spec);
// By each agent's own metadata.
[[nodiscard]] Findings judge_fencing(const Spec& spec, port::FenceDevice& fence, Duration timeout);
// Resources that fit no host that they may run on. A host of unknown capacity may have room.
[[nodiscard]] Findings judge_capacity(const Spec& spec);
// The promise to survive `reserve` losses, which `spec` is to keep as far as `before` kept it.
struct AdmissionJudged {
  bool known = true;                      // false: of a capacity nothing is known, and nothing is said
  std::vector<ResourceName> unprotected;  // what would stay down in the worst choice
  std::vector<ResourceName> fresh;        // of these, what was protected before
  std::vector<std::string> reasons;       // for a person
};
[[nodiscard]] AdmissionJudged judge_admission(const Spec& before, const Spec& spec);

}  // namespace haven::daemon
