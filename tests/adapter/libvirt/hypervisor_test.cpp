// The contract against a real libvirtd, for QEMU and for LXC.
#include <libvirt/libvirt.h>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/hypervisor.hpp"
#include "adapter/libvirt/hypervisor_contract.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"
#include "adapter/libvirt/processes.hpp"

namespace haven::testing {
namespace {

using port::Driver;

class LibvirtBench final : public HypervisorBench {
 public:
  explicit LibvirtBench(Driver driver) : driver_(driver) {}

  port::Hypervisor& hypervisor() override { return hypervisor_; }
  Heard& heard() override { return heard_; }
  std::string domain(const std::string& uuid, const std::string& name) override {
    return driver_ == Driver::qemu ? qemu_domain(uuid, name) : lxc_domain(uuid, name);
  }
  // Parses everywhere, but what it is to run does not exist.
  std::string refused_domain(const std::string& uuid, const std::string& name) override {
    std::string xml = domain(uuid, name);
    const std::string what = driver_ == Driver::qemu ? "qemu-system-x86_64" : "/var/lib/haven-container";
    return xml.replace(xml.find(what), what.size(), "/nonexistent");
  }
  bool obeys_shutdown() override { return driver_ == Driver::lxc; }  // a firmware does not listen to the power button
  void freeze_libvirt() override { libvirtd_.freeze(); }
  void thaw_libvirt() override { libvirtd_.thaw(); }
  void kill_libvirt() override { libvirtd_.kill(); }
  void start_libvirt() override { libvirtd_.start(); }
  bool tells_every_end() override { return driver_ == Driver::qemu; }
  void end_guest(const std::string& uuid, const std::string& name) override {
    const auto gone = libvirt::kill_vm_processes("/proc", uuid, name, libvirt::Clock::now() + 10s, [] { return true; });
    ASSERT_TRUE(gone) << gone.error();
  }
  void pause(const std::string& uuid) override {
    libvirt::Connection connection;
    ASSERT_FALSE(connection.ensure(driver_ == Driver::qemu ? "qemu:///system" : "lxc:///system"));
    const libvirt::DomainRef domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
    ASSERT_TRUE(domain);
    ASSERT_EQ(virDomainSuspend(domain.get()), 0);
  }

 private:
  Driver driver_;
  PrivateLibvirtd libvirtd_;
  Heard heard_;
  libvirt::LibvirtHypervisor hypervisor_{libvirt::LibvirtConfig{}, heard_.sink()};
};

INSTANTIATE_TEST_SUITE_P(
    Every, HypervisorContract,
    ::testing::Values(NamedBench{"Qemu", [] { return std::make_unique<LibvirtBench>(Driver::qemu); }},
                      NamedBench{"Lxc", [] { return std::make_unique<LibvirtBench>(Driver::lxc); }}),
    bench_name);

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
