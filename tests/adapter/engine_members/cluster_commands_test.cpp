// `haven cluster …` on real havends: cluster_commands.py, in a host of its own with a real libvirtd, since a havend
// registers only once libvirt has told it what runs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "adapter/libvirt/private_libvirtd.hpp"

extern char** environ;

namespace haven::test {
namespace {

int run(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return -1;
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct ClusterCommands : ::testing::TestWithParam<const char*> {
  haven::testing::PrivateLibvirtd libvirtd;
};

TEST_P(ClusterCommands, DoAsTheySay) {
  ::setenv("HAVEN_BUILD", HAVEN_BUILD_FOLDER, 1);
  ASSERT_EQ(run({"ip", "link", "set", "lo", "up"}), 0);
  EXPECT_EQ(run({"python3", CLUSTER_COMMANDS, GetParam()}), 0);
}

INSTANTIATE_TEST_SUITE_P(Real, ClusterCommands,
                         ::testing::Values("Joining.test_two_hosts_and_a_witness_join_and_leave",
                                           "Joining.test_what_may_not_join_changes_nothing",
                                           "Recovering.test_one_copy_goes_on_once_everybody_else_is_called_off",
                                           "Copies.test_a_backup_is_restored_into_an_empty_engine_only"),
                         [](const auto& info) {
                           const std::string name = info.param;
                           return name.substr(0, name.find('.')) + std::to_string(info.index);
                         });

}  // namespace
}  // namespace haven::test

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
