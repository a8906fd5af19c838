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

    It 'stops with Select-Object -First and leaves every message and no backup' {
        Backup-RabbitMq @common -PassSegment | Select-Object -First 1 | ForEach-Object Records | Should -BeGreaterThan 0
        Get-RabbitBackup $store | Should -BeNullOrEmpty
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
