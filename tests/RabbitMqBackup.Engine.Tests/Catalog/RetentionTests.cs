using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class RetentionTests
{
    private static readonly DateTimeOffset Newest = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_newest_so_many_are_kept() => Assert.Equal(["d0", "d1", "d2"], Keep(new RetentionPolicy { KeepLast = 3 }, Daily(10)));

    [Fact]
    public void Of_a_day_the_newest_is_kept_and_days_without_a_backup_do_not_count()
    {
        BackupManifest[] backups = [At("a", 0), At("b", -6), At("c", -13), At("d", -14), At("e", -24 * 40), At("f", -24 * 41)];

        Assert.Equal(["a", "c", "e"], Keep(new RetentionPolicy { KeepDaily = 3 }, backups));
    }

    [Fact]
    public void Weeks_are_those_of_ISO_8601_and_of_UTC()
    {
        // 2026-12-28 is the Monday of week 53, to which 2027-01-03 belongs as well.
        BackupManifest[] backups = [Of("a", new(2027, 1, 4, 0, 30, 0, TimeSpan.Zero)), Of("b", new(2027, 1, 3, 23, 30, 0, TimeSpan.Zero)), Of("c", new(2026, 12, 28, 0, 0, 0, TimeSpan.Zero)), Of("d", new(2026, 12, 28, 0, 30, 0, TimeSpan.FromHours(1)))];

        Assert.Equal(["a", "b", "d"], Keep(new RetentionPolicy { KeepWeekly = 5 }, backups));
    }

    [Fact]
    public void Two_years_of_daily_backups_come_down_to_what_the_rules_say()
    {
        RetentionPolicy policy = new() { KeepLast = 2, KeepDaily = 7, KeepWeekly = 4, KeepMonthly = 12, KeepYearly = 3 };
        BackupManifest[] backups = Daily(800);

        string[] kept = Keep(policy, backups);

        // Applied every day, the result is the same as applied once: nothing that a later day wants has gone.
        List<BackupManifest> left = [];
        foreach (BackupManifest backup in backups.Reverse())
        {
            left.Add(backup);
            HashSet<string> today = [.. Keep(policy, left)];
            left.RemoveAll(one => !today.Contains(one.BackupId));
        }

        Assert.Equal(kept, left.Select(backup => backup.BackupId).Order(StringComparer.Ordinal));
        Assert.InRange(kept.Length, 7 + 3 + 10, 2 + 7 + 4 + 12 + 3);
        Assert.Contains("d0", kept);
    }

    [Fact]
    public void A_complete_backup_of_a_day_goes_before_a_newer_partial_one()
    {
        BackupManifest[] backups = [At("partial", -1) with { Status = BackupStatus.Partial }, At("complete", -5), At("only-partial", -30) with { Status = BackupStatus.Partial }];

        Assert.Equal(["complete", "only-partial"], Keep(new RetentionPolicy { KeepDaily = 2 }, backups));
    }

    [Fact]
    public void Each_cluster_has_its_own_count()
    {
        BackupManifest[] backups = [At("a1", 0), At("a2", -1), At("b1", -2) with { SourceCluster = "b" }, At("b2", -3) with { SourceCluster = "b" }];

        Assert.Equal(["a1", "b1"], Keep(new RetentionPolicy { KeepLast = 1 }, backups));
        Assert.Equal(["a1", "b1"], Retention.LastGood(backups).Order());
    }

    [Fact]
    public void The_reasons_tell_the_rules()
    {
        Dictionary<string, List<string>> kept = Retention.Keep(new RetentionPolicy { KeepLast = 1, KeepDaily = 1, KeepWeekly = 1, KeepMonthly = 1, KeepYearly = 1 }, [At("a", 0)]);

        Assert.Equal(["last 1", "day 2026-11-26", "week 2026-W48", "month 2026-11", "year 2026"], kept["a"]);
    }

    [Fact]
    public void A_policy_that_keeps_nothing_is_a_mistake()
    {
        Assert.Throws<ArgumentException>(() => new RetentionPolicy().Check());
        Assert.Throws<ArgumentException>(() => new RetentionPolicy { KeepLast = 3, KeepDaily = -1 }.Check());
    }

    private static string[] Keep(RetentionPolicy policy, IEnumerable<BackupManifest> backups) => [.. Retention.Keep(policy, backups).Keys.Order(StringComparer.Ordinal)];

    private static BackupManifest[] Daily(int days) => [.. Enumerable.Range(0, days).Select(day => At($"d{day}", -24 * day))];

    private static BackupManifest At(string id, int hours) => Of(id, Newest.AddHours(hours));

    private static BackupManifest Of(string id, DateTimeOffset created) => TestManifests.Small(id, created, queues: 0);
}
