namespace RabbitMqBackup.Module.Tests;

/// <summary>The working copy that these tests were built from; its root is the module.</summary>
internal static class Repository
{
    /// <summary>Its root folder.</summary>
    internal static string Root { get; } = Find();

    /// <summary>The module's manifest.</summary>
    internal static string Manifest => Path.Combine(Root, "RabbitMqBackup.psd1");

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RabbitMqBackup.psd1")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"{AppContext.BaseDirectory} does not lie in a working copy.");
    }
}
