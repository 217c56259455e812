// Writes a [[vm]] table into the operator's own file (`haven protect DOMAIN`).
#pragma once

#include <string>

#include "core/model/spec.hpp"

namespace haven::file {

// `domain` is the path of its XML, as the file is to name it. Keys at their default stay out; cpu and memory too, since
// the XML has them.
[[nodiscard]] std::string vm_table(const Resource& resource, const std::string& domain);

// The file's text with the table at its end; everything before it is kept as it is.
[[nodiscard]] std::string append_vm(const std::string& cluster_text, const Resource& resource,
                                    const std::string& domain);

}  // namespace haven::file
