// Migration between two real libvirtds that talk in the clear.
#include "adapter/libvirt/libvirt_migration_bench.hpp"

namespace haven::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Every, MigrationContract,
                         ::testing::Values(NamedMigrationBench{
                             "Qemu", [](bool slowly) { return std::make_unique<LibvirtMigrationBench>(slowly); }}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
