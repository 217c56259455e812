// Haven is taken off a host with a real libvirtd and guests that run: they go on, and libvirt is free again.
#include "daemon/disarm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <filesystem>

#include "adapter/libvirt/caps.hpp"
#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/heard.hpp"
#include "adapter/libvirt/host.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"
#include "daemon/turned_off.hpp"
#include "hook/paths.hpp"
#include "hook/protected_list.hpp"

namespace haven::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
const std::string kRuns = "dddddddd-0000-4000-8000-000000000001";
const std::string kIsOff = "dddddddd-0000-4000-8000-000000000002";
const libvirt::LibvirtConfig kConfig;

class Disarm : public ::testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] std::string uri() const { return GetParam() == "Qemu" ? "qemu:///system" : "lxc:///system"; }
  [[nodiscard]] std::string xml(const std::string& uuid, const std::string& name) const {
    return GetParam() == "Qemu" ? qemu_domain(uuid, name) : lxc_domain(uuid, name);
  }
  void define(const std::string& uuid, const std::string& name) {
    libvirt::Connection connection;
    ASSERT_FALSE(connection.ensure(uri()));
    const libvirt::DomainRef domain(virDomainDefineXML(connection.get(), xml(uuid, name).c_str()));
    ASSERT_TRUE(domain) << libvirt::last_error().message;
    ASSERT_EQ(virDomainSetAutostart(domain.get(), 1), 0);
  }
  // Empty: it started; else why not.
  std::string start(const std::string& uuid) {
    libvirt::Connection connection;
    if (connection.ensure(uri())) return "no libvirt";
    const libvirt::DomainRef domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
    return domain && virDomainCreate(domain.get()) == 0 ? "" : libvirt::last_error().message;
  }
  [[nodiscard]] bool is(const std::string& uuid, int (*what)(virDomainPtr)) {
    libvirt::Connection connection;
    if (connection.ensure(uri())) return false;
    const libvirt::DomainRef domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
    return domain && what(domain.get()) == 1;
  }
  static int autostarts(virDomainPtr domain) {
    int on = -1;
    return virDomainGetAutostart(domain, &on) < 0 ? -1 : on;
  }
  daemon::OrWhy<daemon::Disarmed> disarm() {
    daemon::DisarmEdges edges;
    edges.run_dir = std::filesystem::path(hook::kSocket).parent_path();
    edges.state_dir = std::filesystem::path(hook::kProtectedForGood).parent_path();
    edges.systemd.booted = "/nowhere";
    edges.caps_off = [] { return libvirt::take_caps_off(kConfig, 20s); };
    edges.autostart_on = [](const auto& uuids) { return libvirt::turn_autostart_on(kConfig, uuids, 20s); };
    return daemon::disarm(edges, true);
  }
};

TEST_P(Disarm, GuestsRunOnAndNothingIsRefusedAnyMore) {
  PrivateLibvirtd libvirtd;
  define(kRuns, "web1");
  define(kIsOff, "web2");
  // What Haven does to a host: autostart off and remembered, guests started from their XML, the hook in place.
  const auto note = std::make_shared<daemon::TurnedOff>(
      std::filesystem::path(hook::kProtectedForGood).parent_path().string() + "/turned-off");
  const auto off = libvirt::turn_autostart_off(
      kConfig, {kRuns, kIsOff},
      [note](const std::string& uuid) { return note->add(daemon::TurnedOff::Kind::autostart, uuid).has_value(); }, 20s);
  ASSERT_TRUE(off) << off.error();
  ASSERT_EQ(off->turned_off.size(), 2U);
  {
    Heard heard;
    libvirt::LibvirtHypervisor hypervisor(kConfig, heard.sink());
    hypervisor.start(CallId{1}, xml(kRuns, "web1"), 20s);
    ASSERT_TRUE(heard.first<port::CallDone>([](const auto& e) { return e.result == port::CallResult::done; }, 20s));
  }
  libvirtd.kill();
  for (const char* driver : {"qemu", "lxc"}) {
    const std::filesystem::path link = std::string("/etc/libvirt/hooks/") + driver;
    std::filesystem::create_directories(link.parent_path());
    std::filesystem::remove(link);
    std::filesystem::create_symlink(HAVEN_HOOK_PROGRAM, link);
  }
  for (const char* list : {hook::kProtectedThisBoot, hook::kProtectedForGood})
    ASSERT_TRUE(hook::write_protected(list, {kRuns, kIsOff}));
  libvirtd.start();
  ASSERT_THAT(start(kIsOff), HasSubstr("Haven protects this domain")) << "armed";

  {
    const auto havend = daemon::SingleInstance::lock(std::filesystem::path(hook::kSocket).parent_path());
    ASSERT_TRUE(havend) << havend.error();
    EXPECT_THAT(disarm().error(), HasSubstr("another havend runs on this host"));
    EXPECT_THAT(start(kIsOff), HasSubstr("Haven protects this domain")) << "as it was";
  }
  const auto disarmed = disarm();
  ASSERT_TRUE(disarmed) << disarmed.error();
  EXPECT_THAT(disarmed->problems, ElementsAre(HasSubstr("libvirtd refuses every start until it is restarted"),
                                              HasSubstr(kIsOff + ": it does not run here")));
  EXPECT_TRUE(is(kRuns, virDomainIsActive));
  libvirtd.kill();
  libvirtd.start();
  EXPECT_TRUE(is(kRuns, virDomainIsActive)) << "the guest has run on";
  EXPECT_TRUE(is(kRuns, autostarts));
  EXPECT_FALSE(is(kIsOff, autostarts)) << "it may run on another host";
  EXPECT_THAT(note->read()->autostart, Contains(kIsOff)) << "still to be given back";
  EXPECT_EQ(start(kIsOff), "");
  EXPECT_TRUE(disarm()) << "said again";
}

INSTANTIATE_TEST_SUITE_P(Every, Disarm, ::testing::Values("Qemu", "Lxc"), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
