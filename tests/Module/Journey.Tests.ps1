# The ways through the module as a person goes them, with the cmdlets that only a whole PowerShell has.

Describe 'Backup and restore' -Skip:(-not $env:RABBITMQ_TEST_AMQP_PORT) {
    BeforeAll {
        Import-Module (Join-Path $PSScriptRoot .. .. RabbitMqBackup.psd1) -Force
        Import-Module (Join-Path $PSScriptRoot Broker.psm1) -Force
    }

    BeforeEach {
        $virtualHost = New-TestVirtualHost
        New-TestQueue $virtualHost orders 7
        New-TestQueue $virtualHost payments 5 quorum
        $rabbit = New-RabbitConnection (Get-TestUri $virtualHost) -ManagementUri (Get-TestManagementUri)
        $store = Join-Path $TestDrive ([guid]::NewGuid().ToString('N'))
        $common = @{ Connection = $rabbit; Store = $store; SkipDefinitions = $true }
    }

    AfterEach {
        Remove-TestVirtualHost $virtualHost
    }

    It 'backs up, checks and shows a table' {
        $shown = Backup-RabbitMq @common | Test-RabbitBackup -Deep | Format-Table | Out-String -Width 80
        $shown | Should -Match 'True +True +2 +12'
    }

    It 'brings lost queues back with their messages in their order' {
        $null = Backup-RabbitMq @common
        Remove-TestQueue $virtualHost orders
        Remove-TestQueue $virtualHost payments
        $result = Get-RabbitBackup $store | Where-Object TotalMessages -GT 0 | Restore-RabbitMq -Connection $rabbit -Confirm:$false
        $result.IsComplete | Should -BeTrue
        $result.Confirmed | Should -Be 12
        Receive-TestQueue $virtualHost orders | Should -Be (0..6 | ForEach-Object { "orders-$_" })
        Receive-TestQueue $virtualHost payments | Should -Be (0..4 | ForEach-Object { "payments-$_" })
    }

    It 'leaves every message in its queue' {
        (Backup-RabbitMq @common).Status | Should -Be Complete
        Receive-TestQueue $virtualHost orders | Should -Be (0..6 | ForEach-Object { "orders-$_" })
        Receive-TestQueue $virtualHost payments | Should -Be (0..4 | ForEach-Object { "payments-$_" })
    }

    It 'stops with Select-Object -First and leaves every message, and no backup unless it is whole' {
        Backup-RabbitMq @common -PassSegment | Select-Object -First 1 | ForEach-Object Records | Should -BeGreaterThan 0

        # So small a backup can be finished before its first segment has come down the pipeline.
        Get-RabbitBackup $store | Test-RabbitBackup -Deep | ForEach-Object { $_.IsValid -and $_.Messages -eq 12 } | Should -Not -Contain $false
        Receive-TestQueue $virtualHost orders | Should -Be (0..6 | ForEach-Object { "orders-$_" })
        Receive-TestQueue $virtualHost payments | Should -Be (0..4 | ForEach-Object { "payments-$_" })
    }

    It 'changes nothing with -WhatIf' {
        Backup-RabbitMq @common -WhatIf | Should -BeNullOrEmpty
        Test-Path $store | Should -BeFalse
        $null = Backup-RabbitMq @common
        Remove-TestQueue $virtualHost orders
        $plan = Get-RabbitBackup $store | Restore-RabbitMq -Connection $rabbit -WhatIf
        ($plan | Where-Object TargetQueue -EQ orders).Declares | Should -BeTrue
        (Get-RabbitQueue -Connection $rabbit).Name | Should -Be payments
    }

    It 'backs up the queues of a CSV file' {
        $csv = Join-Path $TestDrive queues.csv
        [pscustomobject]@{ Name = 'orders'; VirtualHost = $virtualHost } | Export-Csv $csv
        (Import-Csv $csv | Backup-RabbitMq @common).TotalMessages | Should -Be 7
    }

    It 'finds messages by header and restores only these' {
        $null = Backup-RabbitMq @common
        Remove-TestQueue $virtualHost orders
        $null = Get-RabbitBackup $store -Latest | Get-RabbitBackupMessage -Queue orders | Where-Object { $_.Headers.number -ge 5 } |
            Restore-RabbitMq -Connection $rabbit -Confirm:$false
        Receive-TestQueue $virtualHost orders | Should -Be 'orders-5', 'orders-6'
    }

    It 'takes the defaults of a job from its environment' {
        $env:RABBITMQ_BACKUP_STORE = $store
        try {
            (Backup-RabbitMq -Connection $rabbit -SkipDefinitions | Test-RabbitBackup).IsValid | Should -BeTrue
            (Get-RabbitBackup -Latest).TotalMessages | Should -Be 12
        }
        finally {
            $env:RABBITMQ_BACKUP_STORE = $null
        }
    }

    It 'exports definitions, and imports what was lost' {
        $file = Export-RabbitDefinitions (Join-Path $TestDrive d.json) -Connection $rabbit -Force
        (Get-Content $file -Raw | ConvertFrom-Json).queues.name | Sort-Object | Should -Be orders, payments
        Remove-TestQueue $virtualHost orders
        $report = Import-RabbitDefinitions $file.FullName -Connection $rabbit -Confirm:$false
        $report.Created | Should -Be 1
        (Get-RabbitQueue orders -Connection $rabbit).Name | Should -Be orders
    }

    It 'shows the file of definitions as Get-Item does' -Skip:$IsWindows {
        $shown = Export-RabbitDefinitions (Join-Path $TestDrive 'shown [1].json') -Connection $rabbit -Force | Out-String -Width 120
        $shown | Should -Match '-rw------- .* \d+ shown \[1\]\.json'
    }

    It 'backs up in a job, and from several runspaces at once into one store' {
        $module = (Get-Module RabbitMqBackup).Path -replace 'bin.RabbitMqBackup.Cmdlets.dll$', 'RabbitMqBackup.psd1'
        $uri, $management = (Get-TestUri $virtualHost), (Get-TestManagementUri)
        $job = Start-Job {
            Import-Module $using:module
            Backup-RabbitMq -Connection (New-RabbitConnection $using:uri -ManagementUri $using:management) -Store $using:store -SkipDefinitions
        }
        $copy = Receive-Job $job -Wait -AutoRemoveJob
        $copy | Format-Table | Out-String -Width 80 | Should -Match "$($copy.BackupId) Complete"
        $made = 'orders', 'payments' | ForEach-Object -Parallel {
            Import-Module $using:module
            Backup-RabbitMq -Connection (New-RabbitConnection $using:uri -ManagementUri $using:management) -Store $using:store -SkipDefinitions -Queue $_
        }
        ($made | Measure-Object TotalMessages -Sum).Sum | Should -Be 12
        (Get-RabbitBackup $store).BackupId | Sort-Object | Should -Be (@($copy) + $made | Sort-Object BackupId).BackupId
    }

    It 'writes tables, progress and errors to a transcript, and no password' {
        $transcript = Join-Path $TestDrive transcript.txt

        # Not in the line of the command, which an error shows.
        $wrong = "amqp://nobody:geheim@$($rabbit.Uri -replace '^amqp://')"
        $null = Start-Transcript $transcript
        try {
            $null = Backup-RabbitMq @common -Verbose
            Get-RabbitBackup $store | Out-Default
            Get-RabbitBackup $store no-such-backup -ErrorAction Continue
            Backup-RabbitMq -Connection $wrong -Store $store
        }
        catch {
            $_ | Out-Default
        }
        finally {
            $null = Stop-Transcript
        }
        $text = Get-Content $transcript -Raw
        $text | Should -Match 'Complete'
        $text | Should -Match 'no-such-backup'
        $text | Should -Match 'nobody'
        $text | Should -Not -Match 'geheim'
    }

    It 'asks nobody in a job: a restore without -Confirm:$false is refused and changes nothing' {
        $null = Backup-RabbitMq @common
        Remove-TestQueue $virtualHost orders
        $module = (Get-Module RabbitMqBackup).Path -replace 'bin.RabbitMqBackup.Cmdlets.dll$', 'RabbitMqBackup.psd1'
        $answer = & (Join-Path $PSHOME pwsh) -NoProfile -NonInteractive -Command @"
            Import-Module '$module'
            `$ErrorActionPreference = 'Stop'
            Get-RabbitBackup '$store' | Restore-RabbitMq -Connection (New-RabbitConnection '$(Get-TestUri $virtualHost)' -ManagementUri $(Get-TestManagementUri))
"@ 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 1
        $answer | Should -Match 'nobody to ask'
        (Get-RabbitQueue -Connection $rabbit).Name | Should -Be payments
    }

    It 'gives objects that become CSV and JSON' {
        $backup = Backup-RabbitMq @common
        ($backup.Queues | Sort-Object Messages -Descending | Select-Object Name, Messages, Outcome | ConvertTo-Csv | ConvertFrom-Csv).Outcome | Should -Be Captured, Captured
        $read = Get-RabbitBackupMessage $backup -Queue orders | ConvertTo-Json -Depth 4 | ConvertFrom-Json
        $read.Text | Should -Be (0..6 | ForEach-Object { "orders-$_" })
        $read[6].Headers.number | Should -Be 6
        ($backup | ConvertTo-Json -Depth 9 -EnumsAsStrings | ConvertFrom-Json).Status | Should -Be Complete
    }

    It 'gives an error record that a script can rely on for <Name>' -ForEach @(
        @{ Name = 'an unknown queue'; Id = 'QueueNotFound'; Category = 'ObjectNotFound'; Script = { Backup-RabbitMq @common -Queue no-such-queue } }
        @{ Name = 'an existing id'; Id = 'BackupExists'; Category = 'ResourceExists'; Script = { 1..2 | ForEach-Object { Backup-RabbitMq @common -BackupId daily } } }
        @{ Name = 'an unknown backup'; Id = 'BackupNotFound'; Category = 'ObjectNotFound'; Script = { $null = Backup-RabbitMq @common; Get-RabbitBackup $store no-such-backup } }
        @{ Name = 'a store that is not there'; Id = 'ObjectNotFound'; Category = 'ObjectNotFound'; Script = { Get-RabbitBackup $store } }
        @{ Name = 'a wrong password'; Id = 'BrokerAuthenticationFailed'; Category = 'AuthenticationError'; Script = {
                Get-RabbitQueue -Connection $rabbit -Credential ([pscredential]::new('guest', (ConvertTo-SecureString geheim -AsPlainText -Force)))
            }
        }
    ) {
        $problem = try { $null = & $Script } catch { $_ }
        $problem.FullyQualifiedErrorId | Should -BeLike "$Id,*"
        $problem.CategoryInfo.Category | Should -Be $Category
        $problem.TargetObject | Should -Not -BeNullOrEmpty
        $problem.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        "$problem" | Should -Not -Match 'geheim|   at '
    }
}
