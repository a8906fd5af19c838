namespace RabbitMqBackup.TestHost;

/// <summary>The working copy that the running program was built from.</summary>
public static class WorkingCopy
{
    /// <summary>Its root folder, which is also the module's.</summary>
    /// <exception cref="InvalidOperationException">The program does not run from one.</exception>
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RabbitMqBackup.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"{AppContext.BaseDirectory} does not lie in a working copy.");
    }
}
