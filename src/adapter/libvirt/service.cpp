#include "adapter/libvirt/service.hpp"

#include <cstdlib>
#include <filesystem>

#include "adapter/process/run.hpp"

namespace haven::libvirt {

std::vector<std::string> restart_command(const std::string& booted) {
  const char* program = std::getenv("HAVEN_LIBVIRT_RESTART");
  if (program != nullptr && *program != '\0') return {program};
  std::error_code error;
  if (!std::filesystem::is_directory(booted, error)) return {};
  return {"/usr/bin/systemctl", "restart", "libvirtd.service"};
}

tl::expected<void, std::string> restart_service(const std::vector<std::string>& command, Duration timeout) {
  if (command.empty())
    return tl::unexpected(std::string("no systemd here, and HAVEN_LIBVIRT_RESTART names no program that does it"));
  const adapter::Ran ran = adapter::run_program(command, "", timeout);
  if (!ran.well()) return tl::unexpected(command.front() + ": " + ran.why());
  return {};
}

}  // namespace haven::libvirt
