// What a real libvirtd counts of a QEMU guest and of a container that run beside each other.
#include "adapter/libvirt/domain_counters.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <algorithm>
#include <optional>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"

namespace haven::testing {
namespace {

constexpr Duration kTimeout = 10s;
constexpr Duration kPatience = 30s;
const std::string kGuest = "cccccccc-0000-4000-8000-000000000001";
const std::string kContainer = "cccccccc-0000-4000-8000-000000000002";

void start(const char* uri, const std::string& xml) {
  libvirt::Connection connection;
  ASSERT_FALSE(connection.ensure(uri));
  const libvirt::DomainRef domain(virDomainCreateXML(connection.get(), xml.c_str(), 0));
  ASSERT_TRUE(domain) << libvirt::last_error().message;
}

std::optional<libvirt::DomainCounters> counted(const std::string& uuid) {
  const auto all = libvirt::domain_counters({}, kTimeout);
  if (!all) {
    ADD_FAILURE() << all.error();
    return std::nullopt;
  }
  const auto found = std::ranges::find(*all, uuid, &libvirt::DomainCounters::uuid);
  return found == all->end() ? std::nullopt : std::optional(*found);
}

// Both drivers are asked at once: the one that lacks the call for all domains must not hide what the other tells.
TEST(DomainCounters, CountAGuestAndAContainerBesideEachOther) {
  const PrivateLibvirtd libvirtd;
  ASSERT_TRUE(libvirt::domain_counters({}, kTimeout)) << "nothing runs, and that is no error";
  start("qemu:///system", qemu_domain(kGuest, "guest"));
  start("lxc:///system", lxc_domain(kContainer, "container"));
  ASSERT_TRUE(container_runs(kContainer));
  const auto before = counted(kGuest);
  const auto container = counted(kContainer);
  ASSERT_TRUE(before && container);
  EXPECT_GT(before->memory, MiB{0});
  EXPECT_GT(container->memory, MiB{0});
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::uint64_t after = before->cpu_ns;
  while (after == before->cpu_ns && std::chrono::steady_clock::now() < deadline)
    if (const auto now = counted(kGuest)) after = now->cpu_ns;
  EXPECT_GT(after, before->cpu_ns) << "its firmware works";
}

TEST(DomainCounters, WhoHangsIsNamedInTime) {
  PrivateLibvirtd libvirtd;
  libvirtd.freeze();
  const auto answer = libvirt::domain_counters({}, 1s);
  libvirtd.thaw();
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error(), "");
}

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
