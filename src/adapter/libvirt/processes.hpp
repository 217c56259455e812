// The processes that are VMs, found and ended without libvirt (PROTOCOL C4: by pid, not by libvirt's word).
//
// QEMU is told by -uuid and -name in its arguments; a container by its controller (libvirt_lxc --name) and by its init,
// which carries LIBVIRT_LXC_UUID and LIBVIRT_LXC_NAME in its environment and may outlive the controller. A process
// whose first thread is dead counts as long as any thread of it lives: a disk write may still hang in that one.
// Only processes of our own pid namespace, and of those below it, are seen.
#pragma once

#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "adapter/libvirt/calls.hpp"
#include "port/hypervisor.hpp"

namespace haven::libvirt {

// By pid. May block where a process hangs in the kernel. Error: the process table cannot be read.
[[nodiscard]] tl::expected<std::vector<port::VmProcess>, std::string> find_vm_processes(const std::string& proc_path);

// Whether it is a process of that VM. Where a process tells its uuid, only the uuid decides.
[[nodiscard]] bool belongs_to(const port::VmProcess& process, const std::string& uuid, const std::string& name);

// Whether this container's init reads orders from an initctl pipe.
[[nodiscard]] bool container_has_initctl(const std::string& proc_path, const std::string& uuid);

// SIGTERM to this container's init, which asks it to end. False: it was not found.
[[nodiscard]] bool terminate_container(const std::string& proc_path, const std::string& uuid);

// SIGKILL to every process of that VM, and waits until they are gone. `may_signal` is asked before the first signal;
// its no ends the attempt. Error: what still stood at the deadline, or what kept us from looking.
[[nodiscard]] tl::expected<void, std::string> kill_vm_processes(const std::string& proc_path, const std::string& uuid,
                                                                const std::string& name, Clock::time_point deadline,
                                                                const std::function<bool()>& may_signal);

}  // namespace haven::libvirt
