using System.Management.Automation;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Makes a store from what is typed at the prompt.</summary>
internal static class StoreLocation
{
    private const string EnvironmentVariable = "RABBITMQ_BACKUP_STORE";

    /// <summary>From a path as PowerShell knows it (relative to its location, with its drives) or a URI.</summary>
    /// <exception cref="ArgumentException">It can't be understood, with the reason.</exception>
    internal static BackupStore Parse(string text, PathIntrinsics paths) =>
        BackupStore.Parse(Resolve(text, paths));

    /// <summary>The full path behind a path as PowerShell knows it; a URI stays as it is.</summary>
    internal static string Resolve(string text, PathIntrinsics paths) =>
        // To PowerShell nothing at all is its location; a store must be named.
        string.IsNullOrWhiteSpace(text) ? "" : FullPath(text, paths) ?? text;

    /// <summary>The store that was given, else the one in RABBITMQ_BACKUP_STORE.</summary>
    /// <exception cref="ArgumentException">There is neither.</exception>
    internal static BackupStore OrDefault(BackupStore? given, PathIntrinsics paths)
    {
        if (given is not null)
        {
            return given;
        }

        return Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } text
            ? Parse(text, paths)
            : throw new ArgumentException($"There is no store: use -Store, or set the environment variable {EnvironmentVariable}.", "Store");
    }

    /// <summary>The full path behind a path on a PowerShell drive, or null for a URI.</summary>
    private static string? FullPath(string text, PathIntrinsics paths)
    {
        try
        {
            return FilePath.Full(text, paths);
        }
        catch (System.Management.Automation.DriveNotFoundException)
        {
            // 's3://bucket' reads like a drive called s3.
            return null;
        }
    }
}
