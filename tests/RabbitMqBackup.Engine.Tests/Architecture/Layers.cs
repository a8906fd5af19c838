namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>Which folder of the engine may know which: docs/DESIGN.md, as rules.</summary>
internal static class Layers
{
    private static readonly string[] BelowTheUseCases = ["Messages", "Format", "Storage", "Catalog", "Checkpoints", "Broker"];

    /// <summary>By folder (first part of the namespace below the root, "" for the root itself) the folders that it may use beside itself and the root.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        [""] = [],
        ["Messages"] = [],
        ["Format"] = ["Messages"],
        ["Storage"] = [],
        ["Broker"] = ["Messages"],
        ["Checkpoints"] = ["Storage"],
        ["Catalog"] = ["Messages", "Format", "Storage"],
        ["Definitions"] = BelowTheUseCases,
        ["Backup"] = [.. BelowTheUseCases, "Definitions"],
        ["Restore"] = [.. BelowTheUseCases, "Definitions"],
        ["Verification"] = [.. BelowTheUseCases, "Definitions", "Restore"],
    };

    /// <summary>Libraries that some folders wrap for all others: segments, definitions and the batches of streams are compressed.</summary>
    private static readonly Dictionary<string, string[]> OwnedLibraries = new()
    {
        ["RabbitMQ.Client"] = ["Broker"],
        ["ZstdSharp"] = ["Format", "Catalog", "Messages"],
        ["K4os.Compression.LZ4"] = ["Format", "Messages"],
        ["Snappier"] = ["Messages"],
        ["Microsoft.Data.Sqlite"] = ["Checkpoints"],
        ["SQLitePCLRaw.core"] = ["Checkpoints"],
    };

    /// <summary>The uses that break a rule, each with the rule.</summary>
    /// <param name="uses">All uses of an assembly.</param>
    /// <param name="root">The namespace whose sub-namespaces are the folders; types outside of it are not looked at.</param>
    internal static IReadOnlyList<string> Violations(IEnumerable<TypeUse> uses, string root)
    {
        List<string> violations = [];
        foreach (TypeUse use in uses)
        {
            if (Folder(use.Namespace, root) is { } user && Complaint(use, user, root) is { } complaint)
            {
                violations.Add($"{use}: {complaint}");
            }
        }

        return violations;
    }

    private static string? Complaint(TypeUse use, string user, string root)
    {
        if (!Allowed.TryGetValue(user, out string[]? allowed))
        {
            return $"{user} is a folder without a rule";
        }

        if (use.UsedAssembly is "System.Management.Automation" or "RabbitMqBackup.Cmdlets" or "RabbitMqBackup.Loader")
        {
            return "the engine does not know PowerShell";
        }

        if (OwnedLibraries.TryGetValue(use.UsedAssembly, out string[]? owners) && !owners.Contains(user))
        {
            return $"only {string.Join(" and ", owners)} may use {use.UsedAssembly}";
        }

        bool own = use.UsedAssembly.Length == 0;
        return own && Folder(use.UsedNamespace, root) is { Length: > 0 } used && used != user && !allowed.Contains(used)
            ? $"{(user.Length == 0 ? "the root" : user)} may use {(allowed.Length == 0 ? "no other folder" : "only " + string.Join(", ", allowed))}"
            : null;
    }

    private static string? Folder(string typeNamespace, string root) =>
        typeNamespace == root ? ""
        : typeNamespace.StartsWith(root + ".", StringComparison.Ordinal) ? typeNamespace[(root.Length + 1)..].Split('.')[0]
        : null;
}
