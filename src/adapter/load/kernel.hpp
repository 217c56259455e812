// What the kernel tells of this host's load, under /proc and in the guests' control group. Pure readings of its texts;
// what a kernel does not tell (PSI is switched off in some) counts as none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/load.hpp"

namespace haven::adapter {

// Since the machine started, in ticks of the kernel; what a guest of the kernel's own hypervisor had is in `busy` once.
struct CpuTicks {
  std::uint64_t busy = 0;
  std::uint64_t all = 0;
  int cpus = 0;
};
[[nodiscard]] std::optional<CpuTicks> parse_stat(std::string_view proc_stat);
// MemTotal - MemAvailable.
[[nodiscard]] std::optional<MiB> parse_meminfo(std::string_view proc_meminfo);
// avg10 of `some` and `full`; 0 where there is no such line.
[[nodiscard]] Pressure parse_pressure(std::string_view text);

// How much of its CPUs a host used between two readings.
[[nodiscard]] MilliCpu used_between(const CpuTicks& before, const CpuTicks& after);

struct KernelPaths {
  std::string proc = "/proc";
  std::string guests_pressure = "/sys/fs/cgroup/machine.slice/cpu.pressure";
};
struct KernelReading {
  CpuTicks cpu;
  HostFigures figures;  // all but `cpu`
};
// nullopt: this is no kernel that Haven knows.
[[nodiscard]] std::optional<KernelReading> read_kernel(const KernelPaths& paths);

}  // namespace haven::adapter
