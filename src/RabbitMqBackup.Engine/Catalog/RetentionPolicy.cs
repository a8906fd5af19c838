namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Which backups to keep: grandfather, father, son. A backup is kept when one of the rules wants it; the rules look at each source cluster by itself. Days, weeks (from Monday, ISO 8601), months and years are those of UTC,
/// and only those with a backup count.
/// </summary>
public sealed record RetentionPolicy
{
    /// <summary>The newest so many. Default 0.</summary>
    public int KeepLast { get; init; }

    /// <summary>One of each of the newest so many days. Default 0.</summary>
    public int KeepDaily { get; init; }

    /// <summary>One of each of the newest so many weeks. Default 0.</summary>
    public int KeepWeekly { get; init; }

    /// <summary>One of each of the newest so many months. Default 0.</summary>
    public int KeepMonthly { get; init; }

    /// <summary>One of each of the newest so many years. Default 0.</summary>
    public int KeepYearly { get; init; }

    /// <exception cref="ArgumentException">A number is negative, or nothing would be kept.</exception>
    internal RetentionPolicy Check()
    {
        int[] all = [KeepLast, KeepDaily, KeepWeekly, KeepMonthly, KeepYearly];
        return all.Any(count => count < 0) ? throw new ArgumentException("A retention keeps no negative number of backups.")
            : all.All(count => count == 0) ? throw new ArgumentException("This retention would keep nothing: give at least one rule a number above 0.")
            : this;
    }
}
