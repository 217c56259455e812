// How a shutdown of the host ends, as systemd's queue of jobs tells it.
#include "adapter/systemd/shutdown.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace haven::systemd {
namespace {

TEST(Shutdown, ARebootIsAStartOfItsTarget) {
  EXPECT_TRUE(leads_to_a_boot("101 havend.service stop running\n102 reboot.target start waiting\n"));
  EXPECT_TRUE(leads_to_a_boot(" 7 kexec.target    start waiting\n"));
  EXPECT_FALSE(leads_to_a_boot("101 havend.service stop running\n102 poweroff.target start waiting\n"));
  EXPECT_FALSE(leads_to_a_boot("102 reboot.target stop waiting\n"));
  EXPECT_FALSE(leads_to_a_boot("No jobs running.\n"));
  EXPECT_FALSE(leads_to_a_boot(""));
}

TEST(Shutdown, WhereNobodyAnswersItIsAPowerOff) {
  EXPECT_EQ(shutdown_under_way("/nonexistent", std::chrono::seconds(1)), ShutdownKind::power_off);
  EXPECT_EQ(shutdown_under_way("/bin/false", std::chrono::seconds(1)), ShutdownKind::power_off);
}

TEST(Shutdown, ItsAnswerIsBelieved) {
  const auto program = std::filesystem::temp_directory_path() / ("haven-systemctl-" + std::to_string(::getpid()));
  std::ofstream(program) << "#!/bin/sh\n[ \"$2\" = list-jobs ] && echo '102 reboot.target start waiting'\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  EXPECT_EQ(shutdown_under_way(program, std::chrono::seconds(5)), ShutdownKind::reboot);
  std::filesystem::remove(program);
}

}  // namespace
}  // namespace haven::systemd
