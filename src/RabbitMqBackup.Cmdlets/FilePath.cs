using System.Management.Automation;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Paths of files and folders as they are typed at the prompt.</summary>
internal static class FilePath
{
    /// <summary>The full path behind one that PowerShell knows: relative to its location, on any of its drives.</summary>
    /// <exception cref="ArgumentException">It is of another provider, as every relative path is while the location is on such a drive.</exception>
    internal static string Full(string text, PathIntrinsics paths)
    {
        string path = paths.GetUnresolvedProviderPathFromPSPath(text, out ProviderInfo provider, out _);
        return provider.Name == "FileSystem"
            ? path
            : throw new ArgumentException($"'{text}' is not a folder or a file, but a path of PowerShell's provider {provider.Name}.");
    }
}
