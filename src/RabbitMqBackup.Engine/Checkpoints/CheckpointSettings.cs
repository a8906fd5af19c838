namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>Settings that a resumed run must share with the first one, by name: the table <c>setting</c>.</summary>
internal static class CheckpointSettings
{
    /// <summary>Reads all.</summary>
    internal static Dictionary<string, string> Read(CheckpointDatabase database) =>
        database.Query("SELECT name, value FROM setting", row => (Name: row.Text(0), Value: row.Text(1))).ToDictionary(row => row.Name, row => row.Value, StringComparer.Ordinal);

    /// <summary>Sets one.</summary>
    internal static void Write(CheckpointDatabase database, string name, string value) =>
        database.Execute("INSERT INTO setting VALUES ($name, $value) ON CONFLICT (name) DO UPDATE SET value = excluded.value", ("$name", name), ("$value", value));
}
