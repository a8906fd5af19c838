using System.Globalization;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Applies a <see cref="RetentionPolicy"/>.</summary>
internal static class Retention
{
    /// <summary>The backups to keep, by id, each with the rules that want it, for people.</summary>
    /// <param name="policy">The rules.</param>
    /// <param name="backups">Backups that have ended, in any order.</param>
    internal static Dictionary<string, List<string>> Keep(RetentionPolicy policy, IEnumerable<BackupManifest> backups)
    {
        Dictionary<string, List<string>> kept = new(StringComparer.Ordinal);
        foreach (IGrouping<string, BackupManifest> cluster in backups.GroupBy(backup => backup.SourceCluster, StringComparer.Ordinal))
        {
            List<BackupManifest> newestFirst = [.. cluster.OrderByDescending(backup => backup.CreatedAt).ThenByDescending(backup => backup.BackupId, StringComparer.Ordinal)];
            foreach ((BackupManifest backup, int index) in newestFirst.Take(policy.KeepLast).Select((backup, index) => (backup, index)))
            {
                Want(backup, $"last {index + 1}");
            }

            KeepPeriods(newestFirst, policy.KeepDaily, "day", time => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
            KeepPeriods(newestFirst, policy.KeepWeekly, "week", time => string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(time):D4}-W{ISOWeek.GetWeekOfYear(time):D2}"));
            KeepPeriods(newestFirst, policy.KeepMonthly, "month", time => time.ToString("yyyy-MM", CultureInfo.InvariantCulture));
            KeepPeriods(newestFirst, policy.KeepYearly, "year", time => time.ToString("yyyy", CultureInfo.InvariantCulture));
        }

        return kept;

        void KeepPeriods(List<BackupManifest> newestFirst, int count, string rule, Func<DateTime, string> periodOf)
        {
            // Grouping keeps the order: the newest period first, and in it the newest backup. A whole one is worth more than a newer one with gaps.
            foreach (IGrouping<string, BackupManifest> period in newestFirst.GroupBy(backup => periodOf(backup.CreatedAt.UtcDateTime)).Take(count))
            {
                Want(period.FirstOrDefault(backup => backup.Status == BackupStatus.Complete) ?? period.First(), $"{rule} {period.Key}");
            }
        }

        void Want(BackupManifest backup, string reason)
        {
            if (!kept.TryGetValue(backup.BackupId, out List<string>? reasons))
            {
                kept[backup.BackupId] = reasons = [];
            }

            reasons.Add(reason);
        }
    }

    /// <summary>The newest backup of each cluster that could be restored in an emergency: a complete one, or where there is none a partial one.</summary>
    internal static HashSet<string> LastGood(IEnumerable<BackupManifest> backups) =>
    [
        .. backups
            .GroupBy(backup => backup.SourceCluster, StringComparer.Ordinal)
            .Select(cluster => cluster.OrderByDescending(backup => backup.Status == BackupStatus.Complete).ThenByDescending(backup => backup.CreatedAt).ThenByDescending(backup => backup.BackupId, StringComparer.Ordinal).First().BackupId),
    ];
}
