// Domain XML files as the cluster file's parser wants them read.
#pragma once

#include <map>
#include <string>

#include <tl/expected.hpp>

#include "file/cluster_file.hpp"

namespace haven::daemon {

// What the XML says; the error is what is wrong with it.
[[nodiscard]] tl::expected<file::DomainText, std::string> domain_text(const std::string& xml);
// Reads the files themselves; what was read is added to `texts`, which must outlive the reader.
[[nodiscard]] file::ReadDomain domain_files(std::map<std::string, std::string>& texts);
// Finds them among texts that were sent.
[[nodiscard]] file::ReadDomain domain_texts(const std::map<std::string, std::string>& texts);

}  // namespace haven::daemon
